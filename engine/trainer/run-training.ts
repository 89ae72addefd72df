// One training run from its configuration to its end: starts the workers, sets the run up beside them, lets the trainer
// train, and leaves nothing behind.
import { hostname } from 'node:os';
import { findCheckpoint } from '../checkpoint/initial-weights.js';
import { setUpRunFrom } from '../checkpoint/resumed-setup.js';
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import { Coordinator } from '../coordinator/coordinator.js';
import type { TrainConfig } from '../core/config.js';
import { PipetrainError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { Entrance } from '../protocol/entrance.js';
import { workersOf } from '../run/devices.js';
import { openKeptResults, programCacheFolder } from '../run/kept-results.js';
import { microBatchOf, type RunSetup } from '../run/run-setup.js';
import { modelStateOf } from '../state/model-state.js';
import type { Doorplate } from '../status/ask-status.js';
import { StatusBoard } from '../status/status-board.js';
import { withMicroBatch } from './micro-batch-search.js';
import type { TrainHost } from './train-host.js';
import { Trainer } from './trainer.js';

/**
 * Trains as the configuration says. Rejects with the root cause; whatever happens, no process and no shared memory is
 * left.
 */
export async function runTraining(
  given: TrainConfig,
  givenHost: TrainHost,
  from: ResumePoint | null = null,
): Promise<void> {
  // Resolved once: the run it names may write newer checkpoints while workers start.
  const named =
    from === null && given.initFrom !== '' ? { ...given, initFrom: findCheckpoint(given.initFrom).folder } : given;
  const board = new StatusBoard();
  const host: TrainHost = {
    ...givenHost,
    emit: (event) => {
      board.note(event);
      givenHost.emit(event);
    },
  };
  const kept = programCacheFolder(named, host.cacheFolder ?? null);
  const { config, choice } = await withMicroBatch(named, kept);
  if (choice !== null) host.emit({ type: 'microBatch.chosen', ...choice });
  const early: { trainer: Trainer | null; setup: RunSetup | null } = { trainer: null, setup: null };
  const coordinator = new Coordinator({
    // Workers of a run that goes on need not know what it once started from.
    config: from === null ? config : { ...config, initFrom: '' },
    workers: workersOf(config.devices),
    microBatch: microBatchOf(config),
    programCache: kept,
    token: host.token,
    onReport: (report, worker) => early.trainer?.note(report, worker),
    onDropped: (peer, reason) => early.trainer?.noteDropped(peer, reason),
    digests: () => early.trainer?.digests() ?? null,
    model: () => modelStateOf(present(early.setup, 'setup of the run')),
    status: (signs) => board.status(signs),
    onRefused: (worker, reason) => host.emit({ type: 'warning', message: `worker ${worker} cannot join: ${reason}` }),
  });
  const abort = (): void => {
    coordinator.abort();
    host.runFolder.removeDoorplate();
  };
  process.on('exit', abort);
  const opened = coordinator.open();
  // Whoever waits for it below gets the error; until then it is nobody's.
  opened.catch(() => undefined);
  try {
    const setup = (early.setup = await setUpRunFrom(config, from));
    early.trainer = new Trainer(setup, host, from, coordinator, openKeptResults(kept, config.programCacheMb));
    await opened;
    hangDoorplate(host, coordinator.entrance);
    await early.trainer.train();
  } finally {
    process.off('exit', abort);
    // Where there is nothing to train, nobody waits for workers that are still starting.
    if (early.trainer === null) abort();
    await opened.catch(() => undefined);
    await early.trainer?.close();
    host.runFolder.removeDoorplate();
    await coordinator.close();
  }
}

/** Lets those who may read the run folder ask how the run stands. A run that cannot be asked is no worse a run. */
function hangDoorplate({ runFolder, emit }: TrainHost, { own, token, fingerprint }: Entrance): void {
  try {
    runFolder.writeDoorplate(
      `${JSON.stringify({ pid: process.pid, host: hostname(), url: own, token, fingerprint } satisfies Doorplate)}\n`,
    );
  } catch (error) {
    if (!(error instanceof PipetrainError)) throw error;
    emit({ type: 'warning', message: `\`pipetrain status\` cannot ask this run: ${error.message}` });
  }
}
