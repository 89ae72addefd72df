// Doorplate of a run: hung in its folder while it goes on, so that those who may read the folder can ask how it stands.
// What is on it is ask-status.ts's business.
import { hostname } from 'node:os';
import { PipetrainError } from '../core/errors.js';
import type { Entrance } from '../protocol/entrance.js';
import type { Doorplate } from '../status/ask-status.js';
import type { TrainHost } from './train-host.js';

/** Hangs it for as long as `use` takes, or this process. A run that cannot be asked is no worse a run. */
export async function withDoorplate(
  { runFolder, emit }: Pick<TrainHost, 'runFolder' | 'emit'>,
  { own, local, token, fingerprint }: Entrance,
  use: () => Promise<void>,
): Promise<void> {
  const remove = (): void => runFolder.removeDoorplate();
  process.on('exit', remove);
  try {
    try {
      const plate: Doorplate = {
        pid: process.pid,
        host: hostname(),
        url: own,
        folder: runFolder.identity(),
        local,
        token,
        fingerprint,
      };
      runFolder.writeDoorplate(`${JSON.stringify(plate)}\n`);
    } catch (error) {
      if (!(error instanceof PipetrainError)) throw error;
      emit({ type: 'warning', message: `\`pipetrain status\` cannot ask this run: ${error.message}` });
    }
    await use();
  } finally {
    process.off('exit', remove);
    remove();
  }
}
