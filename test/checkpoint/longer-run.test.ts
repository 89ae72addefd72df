// What becomes of a run that goes on for another number of steps than it began with.
import { describe, expect, it } from 'vitest';
import { lengthChange } from '../../engine/checkpoint/longer-run.js';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { errorOf } from '../error-of.js';

const configOf = (changes: Partial<TrainConfigInput>) =>
  trainConfigSchema.parse({ model: 'vit', data: 'x', lr: '1', freeze: 'none', ...changes });

/** After so many steps, of a run with these settings whose epochs have 10 steps. */
function change(done: number, was: Partial<TrainConfigInput>, now: Partial<TrainConfigInput>): string | null {
  const config = configOf({ ...was, epochs: undefined, steps: undefined, ...now });
  const totalSteps = config.steps ?? 10 * (config.epochs ?? 1);
  const run = { config, totalSteps, sampler: { stepsPerEpoch: 10 } } as unknown as Parameters<typeof lengthChange>[0];
  return lengthChange(run, configOf(was), done);
}

describe('a run that is to have another length', () => {
  it('is what it was where nothing changes, however that is written', () => {
    expect(change(5, { steps: 20 }, { epochs: 2 })).toBeNull();
  });

  it('says that nothing goes by its length', () => {
    expect(change(20, { epochs: 2 }, { epochs: 3 })).toBe(
      'the run has 30 steps from here on, it began with 20; it goes on as if it had begun with 30',
    );
  });

  it('says what becomes of a rate that does, and of freezing', () => {
    const was = { epochs: 2, lrSchedule: 'linear', freeze: 'anneal' };
    expect(change(20, was, { epochs: 4 })).toBe(
      'the run has 40 steps from here on, it began with 20. What goes by the length of the run goes by the new one ' +
        'now: the learning rate: 0.5 at step 20, after 0.05 at step 19, and 0.025 at the end; the freeze policy anneal',
    );
  });

  it('refuses what is done already', () => {
    const error = errorOf(() => change(20, { epochs: 2 }, { steps: 15 }));
    expect([error.code, error.message]).toEqual(['PT_LENGTH', 'the run would have 15 steps in all, and 20 are done']);
  });
});
