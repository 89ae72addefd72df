// A run's plans for tests: each as if the one before it had been adopted. No worker behind it, rates made up here, and
// 32 samples a step in micro-batches of four.
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { memoryLimitPerWorker } from '../../engine/core/memory-limit.js';
import { nextPlan } from '../../engine/planning/next-plan.js';
import type { Crew, PlanBasis } from '../../engine/planning/plan-basis.js';
import type { PlanHistory } from '../../engine/planning/plan-history.js';
import type { Planned, PlanRequest } from '../../engine/planning/planned.js';
import { readScheduleSetting } from '../../pipeline/schedules/from-file.js';

/** `w0`, `w1`, ... */
export const workersNamed = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);

export function basisOf(
  config: Partial<TrainConfigInput>,
  { costs, ...crew }: Pick<PlanBasis, 'costs'> & Pick<Crew, 'workers'> & Partial<Crew>,
): PlanBasis {
  const parsed = trainConfigSchema.parse({
    model: 'vit',
    data: 'synthetic:digits',
    batch: 32,
    microBatch: 4,
    ...config,
  });
  return {
    config: parsed,
    schedule: readScheduleSetting(config.schedule ?? 'auto'),
    microBatch: 4,
    numMicroBatches: 8,
    costs,
    rates: {
      readMsPerMb: { f32: 0.2, f16: 0.4, i8: 0.3 },
      diskReadMsPerMb: null,
      updateMsPerMb: 0.1,
      handover: null,
    },
    reads: { numSamples: 1000 },
    crew: {
      slownessOf: () => 1,
      memoryLimit: memoryLimitPerWorker(parsed.memoryLimit, crew.workers.length, 0),
      ...crew,
    },
  };
}

export class PlanSequence {
  readonly basis: PlanBasis;
  #history: PlanHistory | null = null;

  constructor(basis: PlanBasis) {
    this.basis = basis;
  }

  /** After the first plan. */
  get history(): PlanHistory {
    if (this.#history === null) throw new Error('no plan was made yet');
    return this.#history;
  }

  /** The plan that would come next; nobody adopts it. */
  preview(request: PlanRequest): Planned {
    return nextPlan(this.basis, this.#history, request);
  }

  next(request: PlanRequest): Planned {
    const planned = this.preview(request);
    this.#history = planned.history;
    return planned;
  }
}
