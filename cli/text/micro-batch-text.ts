// Text about how the size of micro-batches was chosen. Pure text.
import type { MicroBatchChoice } from '../../engine/trainer/micro-batch-search.js';
import { millis } from './format.js';

/** The reason, then what every size would have taken. */
export const microBatchLines = ({ reason, trials }: Pick<MicroBatchChoice, 'reason' | 'trials'>): string[] => [
  `micro-batch: ${reason}`,
  ...trials.map(({ microBatch, numMicroBatches, K, R, schedule, predictedStepMs, why }) =>
    predictedStepMs === null
      ? `${microBatch} x ${numMicroBatches}: ${why}`
      : `${microBatch} x ${numMicroBatches}: ${millis(predictedStepMs)} a step (${K} x ${R}, ${schedule})`,
  ),
];
