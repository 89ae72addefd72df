// StepColumns: what comes out of a line of steps is what was put in, to the bit, in a small part of the space.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kindOf, packSteps, stepColumnsSchema, type StepEvent, unpackSteps } from '../../engine/events/step-columns.js';

const f32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const units = (unit: number, max: number): fc.Arbitrary<number> => fc.nat(max).map((count) => count / unit);
const digest = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const share = fc.record({ from: fc.nat(1e6), to: fc.nat(1e6), digest });

/** Steps of one kind that follow on each other; some say all that a step can say, some no more than they must. */
const steps = fc.tuple(fc.nat(1e7), fc.boolean(), fc.integer({ min: 1, max: 3 })).chain(([first, isRich, R]) =>
  fc
    .array(
      fc.record({
        time: units(1e6, 1e9),
        type: fc.constant('step' as const),
        step: fc.constant(0),
        epoch: fc.nat(3),
        loss: f32,
        lr: fc.double({ noNaN: true, noDefaultInfinity: true }),
        gradNorm: f32,
        samples: fc.nat(2),
        seconds: units(1e6, 1e8),
        generation: fc.constant(2),
        frozen: fc.constant(1),
        K: fc.constant(1),
        R: fc.constant(R),
        cacheHits: fc.nat(2),
        cacheMisses: fc.nat(1000),
        bubbleShare: units(1e4, 1e4),
        commShare: units(1e4, 1e4),
        ...(isRich
          ? {
              computeShare: units(1e4, 1e4),
              cacheShare: units(1e4, 1e4),
              pipelineMs: units(1e3, 1e8),
              pipelineBubble: units(1e4, 1e4),
              peakMemory: fc.record({ w0: fc.nat(1e9), w1: fc.constant(5) }),
              shares: fc.array(share, { minLength: R, maxLength: R }),
              replay: fc.constant(true),
            }
          : {}),
      }),
      { minLength: 1, maxLength: 40 },
    )
    .map((list) =>
      list
        .sort((a, b) => a.time - b.time)
        .map((step, i): StepEvent => ({ ...(step as unknown as StepEvent), step: first + i })),
    ),
);

const read = (line: unknown): StepEvent[] => [
  ...unpackSteps(stepColumnsSchema.parse(JSON.parse(JSON.stringify(line)))),
];

describe('a line of steps', () => {
  it('gives back what was put in', () => {
    fc.assert(
      fc.property(steps, (list) => {
        // JSON has no minus zero, neither here nor in an event of its own.
        const written = JSON.parse(JSON.stringify(list)) as StepEvent[];
        expect(new Set(written.map(kindOf)).size).toBe(1);
        expect(kindOf(written[0] as StepEvent)).not.toBeNull();
        expect(read(packSteps(written))).toEqual(written);
      }),
    );
  });

  it('takes no step that it would not give back', () => {
    const [step] = fc.sample(steps, { numRuns: 1, seed: 1 })[0] as [StepEvent];
    expect(kindOf({ ...step, loss: 0.1 })).toBeNull();
    expect(kindOf({ ...step, seconds: Math.PI })).toBeNull();
    expect(kindOf({ ...step, gradNorm: Number.NaN })).toBeNull();
    expect(kindOf({ ...step, shares: [{ from: 0, to: 1, digest: 'x' }] })).toBeNull();
    expect(kindOf({ ...step, generation: 7 })).not.toBe(kindOf(step));
  });

  const line = packSteps(
    (fc.sample(steps, { numRuns: 40, seed: 3 }) as StepEvent[][]).find(
      (list) => list.length > 9 && list[0]?.shares !== undefined,
    ) as StepEvent[],
  );
  const [name] = Object.keys(line.columns) as [keyof typeof line.columns];
  it.each([
    ['more steps than a line may have', { ...line, count: 1e9 }],
    ['a column that is too short', { ...line, columns: { ...line.columns, [name]: [1] } }],
    ['a column that is too long', { ...line, columns: { ...line.columns, [name]: { runs: [1, 1e9] } } }],
    ['a run of less than nothing', { ...line, columns: { ...line.columns, [name]: { runs: [1, -1] } } }],
    ['texts for numbers', { ...line, columns: { ...line.columns, [name]: ['<b>'] } }],
    ['a text for a number', { ...line, columns: { ...line.columns, [name]: '<b>' } }],
    ['no column for something', { ...line, columns: {} }],
    ['times for other steps', { ...line, times: [1] }],
    ['other digests', { ...line, shares: line.shares?.map((one) => ({ ...one, digests: 'AAAA' })) }],
  ])('with %s is refused', (_, broken) => {
    expect(() => read(broken)).toThrow();
  });
});
