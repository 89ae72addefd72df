// The setup of a run that may go on from a checkpoint: its data must be what it was.
import type { TrainConfig } from '../core/config.js';
import { DataError } from '../core/errors.js';
import { type RunSetup, setUpRun } from '../run/run-setup.js';
import type { ResumePoint } from './run-checkpoint.js';

/** As `setUpRun`. Throws a DataError (PT_DATA_CHANGED) where the data is not what the checkpoint was made with. */
export async function setUpRunFrom(config: TrainConfig, from: ResumePoint | null): Promise<RunSetup> {
  const setup = await setUpRun(config);
  if (from !== null && from.manifest.dataDigest !== setup.dataset.digest)
    throw new DataError(
      'PT_DATA_CHANGED',
      `the data ${config.data} changed since the checkpoint was written: its digest is ` +
        `${setup.dataset.digest.slice(0, 12)}, it was ${from.manifest.dataDigest.slice(0, 12)}`,
      'Go on with the data the run began with.',
    );
  return setup;
}
