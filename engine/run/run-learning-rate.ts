// The learning rate of a run at every step, and the look at all of them before the first.
import type { TrainConfig } from '../core/config.js';
import { compileLearningRate, type RateShare } from './learning-rate.js';
import { RATE_SCHEDULES } from './rates/registry.js';
import type { RunSetup } from './run-setup.js';

type Run = Pick<RunSetup, 'config' | 'totalSteps'> & { readonly sampler: Pick<RunSetup['sampler'], 'stepsPerEpoch'> };

/** Steps at which a rate is looked at before the run, at most: two seconds of computing. */
const MOST_LOOKS = 1_000_000;
/** Looks without a break; others in this process have their turn in between. */
const LOOKS_AT_ONCE = 10_000;

/**
 * Throws a UsageError (PT_LR_EXPRESSION) where the expression cannot be read; the function throws one at a step that
 * has no rate.
 */
export function runLearningRate({ config, totalSteps, sampler }: Run): (step: number) => number {
  const rate = compileLearningRate(config.lr, config.warmup, rateShare(config));
  const epochs = config.epochs ?? totalSteps / sampler.stepsPerEpoch;
  return (step) => rate({ step, steps: totalSteps, epoch: Math.floor(step / sampler.stepsPerEpoch), epochs });
}

/** What the schedule that a configuration names leaves of its `lr`; undefined where that is all. */
function rateShare({ lrSchedule, lrFloor, lrDecay }: TrainConfig): RateShare | undefined {
  const schedule = RATE_SCHEDULES.get(lrSchedule);
  if (schedule.reads.length === 0) return undefined;
  return (progress) => lrFloor + (1 - lrFloor) * schedule.height(progress, { lrFloor, lrDecay });
}

/**
 * Asks for the rate of every step, of runs of more than a million steps at a million of them: beginning, end, the sides
 * of epochs, and evenly between. Rejects with the UsageError of the first that has none.
 */
export async function requireLearningRates(run: Run, mostLooks = MOST_LOOKS): Promise<void> {
  const rateAt = runLearningRate(run);
  let looks = 0;
  for (const step of stepsToLookAt(run.totalSteps, run.sampler.stepsPerEpoch, mostLooks)) {
    rateAt(step);
    if (++looks % LOOKS_AT_ONCE === 0) await new Promise(setImmediate);
  }
}

/** Some steps come twice; each is in [0, steps). */
function* stepsToLookAt(steps: number, stepsPerEpoch: number, most: number): Generator<number> {
  if (steps <= most) {
    for (let step = 0; step < steps; step++) yield step;
    return;
  }
  const share = Math.floor(most / 4);
  for (let i = 0; i < share; i++) yield i;
  for (let i = share; i > 0; i--) yield steps - i;
  const epochs = Math.min(Math.floor((steps - 1) / stepsPerEpoch), Math.floor(share / 2));
  for (let epoch = 1; epoch <= epochs; epoch++) yield* [epoch * stepsPerEpoch - 1, epoch * stepsPerEpoch];
  for (let i = 0; i < share; i++) yield Math.floor((i / share) * steps);
}
