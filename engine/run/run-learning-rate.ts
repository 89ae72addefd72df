// The learning rate of a run at every step.
import { compileLearningRate } from './learning-rate.js';
import type { RunSetup } from './run-setup.js';

/** Throws a UsageError (PT_LR_EXPRESSION) where the expression cannot be read. */
export function runLearningRate({ config, totalSteps, sampler }: RunSetup): (step: number) => number {
  const rate = compileLearningRate(config.lr, config.warmup);
  const epochs = config.epochs ?? totalSteps / sampler.stepsPerEpoch;
  return (step) => rate({ step, steps: totalSteps, epoch: Math.floor(step / sampler.stepsPerEpoch), epochs });
}
