// MicroBatchSearch: how many samples a micro-batch should have: costs are measured at several sizes, by all workers at
// once, and the planner says what the best step would take with each. It trains nothing. The size is fixed for a run
// from then on, because results depend on it.
import { withWorkers } from '../coordinator/with-workers.js';
import { isDeviceShortage } from '../core/conditions.js';
import type { TrainConfig } from '../core/config.js';
import { PipetrainError, UsageError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { runCosts } from '../costs/run-costs.js';
import type { RunEventBody } from '../events/events.js';
import { nextPlan } from '../planning/next-plan.js';
import { planBasis } from '../planning/plan-basis.js';
import { openKeptResults } from '../run/kept-results.js';
import { type RunSetup, setUpRun, usualMicroBatch } from '../run/run-setup.js';

export type MicroBatchChoice = Omit<Extract<RunEventBody, { type: 'microBatch.chosen' }>, 'type'>;
type Trial = MicroBatchChoice['trials'][number];

/** Sizes that are tried at most, the usual one among them. */
const MOST_TRIALS = 6;
/** Micro-batches of a step at most: more only make the calls dearer than the work. */
const MOST_MICRO_BATCHES = 64;
/** A size that no plan can be made with. */
const UNPLANNED = { K: 0, R: 0, schedule: '', predictedStepMs: null } as const;
/** Share of the step that another size than the usual one must save. */
const WORTH_IT = 0.02;

/**
 * The configuration with a size in it, and how it was found; null where it had one. `kept` is the folder for what
 * outlives a run, or null.
 */
export async function withMicroBatch(
  config: TrainConfig,
  kept: string | null,
): Promise<{ readonly config: TrainConfig; readonly choice: MicroBatchChoice | null }> {
  if (config.microBatch !== 'auto') return { config, choice: null };
  const choice = await searchMicroBatch(config, kept);
  return { config: { ...config, microBatch: choice.microBatch }, choice };
}

/** Divisors of the batch, ascending, at most MOST_TRIALS of them: those nearest to the usual one. */
export function microBatchSizes(batch: number): number[] {
  const divisors = Array.from({ length: batch }, (_, i) => i + 1).filter(
    (size) => batch % size === 0 && batch / size <= MOST_MICRO_BATCHES,
  );
  const distance = (size: number): number => Math.abs(Math.log(size / usualMicroBatch(batch)));
  return divisors
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, MOST_TRIALS)
    .sort((a, b) => a - b);
}

/** Throws what a run would fail with at its start; where no size can be planned, the error of the usual one. */
async function searchMicroBatch(config: TrainConfig, kept: string | null): Promise<MicroBatchChoice> {
  const begin = performance.now();
  const usual = usualMicroBatch(config.batch);
  const base = await setUpRun({ ...config, microBatch: usual });
  const results = openKeptResults(kept, config.programCacheMb);
  const trials = await withWorkers({ ...base, programCache: kept }, async (coordinator) => {
    const found: Trial[] = [];
    await coordinator.launch();
    for (const microBatch of microBatchSizes(config.batch)) {
      const numMicroBatches = config.batch / microBatch;
      const setup = { ...base, config: { ...config, microBatch }, microBatch, numMicroBatches };
      try {
        found.push(trialOf(setup, await runCosts(setup, coordinator, results)));
      } catch (error) {
        if (!isDeviceShortage(error)) throw error;
        // Larger ones need more still.
        found.push({ ...UNPLANNED, microBatch, numMicroBatches, why: error.message });
        break;
      }
    }
    return found;
  });
  return { ...best(trials, usual), seconds: (performance.now() - begin) / 1000, trials };
}

function trialOf(setup: RunSetup, costs: Awaited<ReturnType<typeof runCosts>>): Trial {
  const { microBatch, numMicroBatches, totalSteps, sampler } = setup;
  try {
    const { choice, event } = nextPlan(planBasis(setup, costs), null, {
      frozen: 0,
      frozenLayers: 0,
      epochsLeft: totalSteps / sampler.stepsPerEpoch,
      because: 'a trial',
    });
    return {
      microBatch,
      numMicroBatches,
      K: choice.K,
      R: choice.R,
      schedule: event.schedule,
      predictedStepMs: choice.predictedStepMs,
      why: '',
    };
  } catch (error) {
    if (!(error instanceof PipetrainError)) throw error;
    return { ...UNPLANNED, microBatch, numMicroBatches, why: error.message };
  }
}

/** Exported for tests. Throws a UsageError (PT_MICRO_BATCH) where nothing can be planned. */
export function best(trials: readonly Trial[], usual: number): Pick<MicroBatchChoice, 'microBatch' | 'reason'> {
  const possible = trials.flatMap(({ microBatch, predictedStepMs }) =>
    predictedStepMs === null ? [] : [{ microBatch, predictedStepMs }],
  );
  const [fastest] = [...possible].sort((a, b) => a.predictedStepMs - b.predictedStepMs);
  if (fastest === undefined)
    throw new UsageError(
      'PT_MICRO_BATCH',
      `no micro-batch size can be planned: ${present(trials[0], 'trial').why}`,
      'Give more memory or workers, or another --batch.',
    );
  const known = possible.find(({ microBatch }) => microBatch === usual);
  const step = (ms: number): string => `${ms.toFixed(1)} ms`;
  if (known === undefined || fastest.microBatch === usual)
    return {
      microBatch: fastest.microBatch,
      reason: `${fastest.microBatch} samples are predicted to be fastest: ${step(fastest.predictedStepMs)} a step`,
    };
  if (fastest.predictedStepMs > known.predictedStepMs * (1 - WORTH_IT))
    return {
      microBatch: usual,
      reason:
        `no size is predicted to be faster than the usual ${usual} by more than ${WORTH_IT * 100} %: ` +
        `${step(known.predictedStepMs)} a step, at best ${step(fastest.predictedStepMs)} with ` +
        `${fastest.microBatch}`,
    };
  return {
    microBatch: fastest.microBatch,
    reason:
      `${fastest.microBatch} samples are predicted to take ${step(fastest.predictedStepMs)} a step, the usual ` +
      `${usual} take ${step(known.predictedStepMs)}`,
  };
}
