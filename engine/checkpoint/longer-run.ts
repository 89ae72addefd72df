// LongerRun: a run that goes on for another number of steps than it began with: whether it can, and what of it follows
// its length and is therefore another from here on than a run of that length would have had from the start.
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { runLearningRate } from '../run/run-learning-rate.js';
import { type RunSetup, stepsOf } from '../run/run-setup.js';

type Run = Pick<RunSetup, 'config' | 'totalSteps' | 'sampler'>;

/**
 * One sentence that says what changes; null where the length is what it was. Throws a UsageError (PT_LENGTH) where the
 * steps that are done are as many, or more.
 */
export function lengthChange(run: Run, was: TrainConfig, done: number): string | null {
  const { config, totalSteps, sampler } = run;
  const before = stepsOf(was, sampler);
  if (totalSteps === before) return null;
  if (totalSteps <= done)
    throw new UsageError(
      'PT_LENGTH',
      `the run would have ${totalSteps} steps in all, and ${done} are done`,
      `Give more than that: --steps counts from the beginning, as --epochs does (of ${sampler.stepsPerEpoch} steps).`,
    );
  const rateBefore = runLearningRate({ config: was, totalSteps: before, sampler });
  const rateNow = runLearningRate(run);
  const last = Math.max(0, Math.min(done, before) - 1);
  const looks = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * (Math.min(before, totalSteps) - 1)));
  const follows = [
    ...(looks.some((step) => rateBefore(step) !== rateNow(step))
      ? [
          `the learning rate: ${shown(rateNow(done))} at step ${done}, after ${shown(rateBefore(last))} at step ` +
            `${last}, and ${shown(rateNow(totalSteps - 1))} at the end`,
        ]
      : []),
    ...(['anneal', 'auto'].includes(config.freeze) ? [`the freeze policy ${config.freeze}`] : []),
    ...(config.grow === 'auto' ? ['the growth of the model'] : []),
  ];
  const whole = `the run has ${totalSteps} steps from here on, it began with ${before}`;
  return follows.length === 0
    ? `${whole}; it goes on as if it had begun with ${totalSteps}`
    : `${whole}. What goes by the length of the run goes by the new one now: ${follows.join('; ')}`;
}

const shown = (rate: number): string => String(Number(rate.toPrecision(3)));
