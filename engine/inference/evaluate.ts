// Evaluate: the metric of a finished run, computed again from its checkpoint on one device. It shares no code path with
// the workers' evaluation but the programs and what ties them to memory, so the two check each other.
import { setUpRunFrom } from '../checkpoint/resumed-setup.js';
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import { continuedConfig } from '../checkpoint/starting-config.js';
import type { TrainConfig } from '../core/config.js';
import type { DataSummary } from '../data/data-summary.js';
import { onProcessor, SingleDevice } from './single-device.js';

export interface RunEvaluation {
  readonly checkpoint: string;
  readonly step: number;
  readonly loss: number;
  readonly metric: { readonly name: string; readonly value: number };
  /** All of them by their names. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly samples: number;
  /** What was understood from the data, where their kind tells. */
  readonly data: DataSummary | null;
}

/**
 * Evaluates a checkpoint of a run on the whole validation set, with model and data from where `config` says that they
 * are now. Throws a ModelError (PT_MODEL_CHANGED) or a DataError (PT_DATA_CHANGED) where these are not those of
 * the run.
 */
export async function evaluateCheckpoint(point: ResumePoint, config: TrainConfig): Promise<RunEvaluation> {
  const { folder: checkpoint, manifest } = point;
  const setup = await setUpRunFrom(onProcessor(continuedConfig(config, point)), point);
  const { model: built, dataset, microBatch, metrics: wanted } = setup;
  const device = new SingleDevice(checkpoint, built, dataset, config.kernels);
  const { loss, metric, metrics } = device.evaluate(microBatch, wanted);
  device.close();
  return {
    checkpoint,
    step: manifest.step,
    loss,
    metric: { name: built.metric.name, value: metric },
    metrics: Object.fromEntries(metrics),
    samples: dataset.numValidation,
    data: dataset.summary ?? null,
  };
}
