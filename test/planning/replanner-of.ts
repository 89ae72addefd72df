// A replanner for tests: no worker behind it, rates made up here, and 32 samples a step in micro-batches of four.
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { Replanner, type ReplannerOptions } from '../../engine/planning/replanner.js';
import { readScheduleSetting } from '../../pipeline/schedules/from-file.js';

/** `w0`, `w1`, ... */
export const workersNamed = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);

export function replannerOf(
  config: Partial<TrainConfigInput>,
  options: Pick<ReplannerOptions, 'costs' | 'workers'> & Partial<ReplannerOptions>,
): Replanner {
  return new Replanner({
    config: trainConfigSchema.parse({ model: 'vit', data: 'synthetic:digits', batch: 32, microBatch: 4, ...config }),
    schedule: readScheduleSetting(config.schedule ?? 'auto'),
    microBatch: 4,
    numMicroBatches: 8,
    numSamples: 1000,
    readMsPerMb: { f32: 0.2, f16: 0.4, i8: 0.3 },
    diskReadMsPerMb: null,
    updateMsPerMb: 0.1,
    handover: null,
    ...options,
  });
}
