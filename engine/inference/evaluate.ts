// Evaluate: the metric of a finished run, computed again from its checkpoint on one device. It shares no code path with
// the workers' evaluation but the programs and what ties them to memory, so the two check each other.
import { newestResumePoint } from '../checkpoint/run-checkpoint.js';
import { trainConfigSchema } from '../core/config.js';
import { DataError } from '../core/errors.js';
import type { RunFolder } from '../run/run-folder.js';
import { setUpRun } from '../run/run-setup.js';
import { SingleDevice } from './single-device.js';

export interface RunEvaluation {
  readonly checkpoint: string;
  readonly step: number;
  readonly loss: number;
  readonly metric: { readonly name: string; readonly value: number };
  readonly samples: number;
}

/** Evaluates the newest checkpoint of a run on the whole validation set. */
export async function evaluateRun(run: RunFolder): Promise<RunEvaluation> {
  const { folder: checkpoint, manifest } = newestResumePoint(run.checkpointsPath).point;
  const config = trainConfigSchema.parse(manifest.config);
  const { model, dataset, microBatch } = await setUpRun(config);
  if (dataset.digest !== manifest.dataDigest)
    throw new DataError(
      'PT_DATA_CHANGED',
      `the data of ${run.path} changed: its digest is ${dataset.digest.slice(0, 12)}, it was ` +
        `${manifest.dataDigest.slice(0, 12)}`,
      'Evaluate with the data that was trained on.',
    );
  const device = new SingleDevice(checkpoint, model, dataset, config.kernels);
  const { loss, metric } = device.evaluate(microBatch);
  device.close();
  return {
    checkpoint,
    step: manifest.step,
    loss,
    metric: { name: model.metric.name, value: metric },
    samples: dataset.numValidation,
  };
}
