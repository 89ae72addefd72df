import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Action, parseAction, showAction } from '../../pipeline/action.js';
import { ScheduleError } from '../../pipeline/schedule-error.js';

describe('the text form of an action', () => {
  it('is stage, kind, micro-batch', () => {
    expect(showAction({ stage: 2, kind: 'F', micro: 0 })).toBe('2F0');
    expect(parseAction('11W20')).toEqual({ stage: 11, kind: 'W', micro: 20 });
  });

  it('parses back', () => {
    const action: fc.Arbitrary<Action> = fc.record({
      stage: fc.nat(1e6),
      kind: fc.constantFrom('F', 'B', 'I', 'W'),
      micro: fc.nat(1e6),
    });
    fc.assert(
      fc.property(action, (a) => {
        expect(parseAction(showAction(a))).toEqual(a);
      }),
    );
  });

  it('shows back: every text that parses is the one form of its action', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{0,3}[A-Za-z]?\d{0,3}$/), (text) => {
        try {
          expect(showAction(parseAction(text))).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ScheduleError);
        }
      }),
    );
  });

  it.each(['', '.', '2X0', 'F0', '2F', '2f0', '-1F0', '01F0', '2F0 ', '2F0B1', '2F99999999999'])(
    '"%s" is refused by name',
    (text) => {
      expect(() => parseAction(text)).toThrow(new RegExp(`^"${text.replace('.', String.raw`\.`)}" is not an action$`));
    },
  );
});
