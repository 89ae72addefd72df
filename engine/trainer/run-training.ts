// One training run from its configuration to its end: starts the workers, sets the run up beside them, lets the trainer
// train, and leaves nothing behind.
import { dirname } from 'node:path';
import { otherBits, setUpRunFrom } from '../checkpoint/resumed-setup.js';
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import { continuedConfig, startingConfig, withKeptLegend } from '../checkpoint/starting-config.js';
import { withWorkers } from '../coordinator/with-workers.js';
import type { TrainConfig } from '../core/config.js';
import { freshFrozenAtStart } from '../freezing/fresh-freeze.js';
import type { MemoryFolder } from '../memory/memory-folder.js';
import { checkSettings } from '../run/check-settings.js';
import { workersOf } from '../run/devices.js';
import { idleSettings, isSet } from '../run/idle-settings.js';
import { openKeptResults, programCacheFolder, trustedFolder } from '../run/kept-results.js';
import { requireLearningRates } from '../run/run-learning-rate.js';
import { microBatchOf, type RunSetup } from '../run/run-setup.js';
import { modelStateOf } from '../state/model-state.js';
import { StatusBoard } from '../status/status-board.js';
import { withDoorplate } from './doorplate.js';
import { withMicroBatch } from './micro-batch-search.js';
import { factsOf } from './run-facts.js';
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
  checkSettings(given);
  const differing = from === null ? [] : otherBits(given, from, givenHost.acceptsOtherBits === true);
  const named = withKeptLegend(
    from === null ? startingConfig(given) : continuedConfig(given, from),
    givenHost.runFolder,
  );
  const board = new StatusBoard();
  const host = notedBy(board, givenHost);
  const kept = trustedFolder(programCacheFolder(named, host.cacheFolder ?? null), (message) =>
    host.emit({ type: 'warning', message }),
  );
  warnOfIdle(given, host);
  // Where a run goes on from, and where it writes.
  const checkpoints = from === null ? host.runFolder.checkpointsPath : dirname(from.folder);
  const { config, choice } = await withMicroBatch(named, kept);
  if (choice !== null) host.emit({ type: 'microBatch.chosen', ...choice });
  await withWorkers(
    {
      // Workers of a run that goes on need not know what it once started from.
      config: from === null ? config : { ...config, initFrom: '' },
      workers: workersOf(config.devices),
      microBatch: microBatchOf(config),
      programCache: kept,
      checkpoints,
      token: host.token,
      status: (signs) => board.status(signs),
    },
    async (coordinator) => {
      warnOfDisk(coordinator.memoryFolder, host);
      const setup = await setUpRunFrom(config, from);
      await requireLearningRates(setup);
      if (from === null) warnOfFreshFreeze(setup, host);
      const resumed = from === null ? null : { point: from, otherBits: differing };
      const trainer = new Trainer(setup, host, resumed, coordinator, openKeptResults(kept, config.programCacheMb));
      coordinator.serve({
        digests: () => trainer.digests(),
        model: () => modelStateOf(setup, checkpoints),
        facts: factsOf(setup),
        onReport: (report, worker) => trainer.note(report, worker),
        onDropped: (peer, reason) => trainer.noteDropped(peer, reason),
        onRefused: (worker, reason) =>
          host.emit({ type: 'warning', message: `worker ${worker} cannot join: ${reason}` }),
      });
      await withDoorplate(host, coordinator.entrance, async () => {
        try {
          await trainer.train();
        } finally {
          await trainer.close();
        }
      });
    },
  );
}

/** As the host, and the board takes note of every event before it. */
const notedBy = (board: StatusBoard, host: TrainHost): TrainHost => ({
  ...host,
  emit: (event) => {
    board.note(event);
    host.emit(event);
  },
});

/** Whoever called may have had reasons (settings for several runs); nobody shall believe that they did something. */
function warnOfIdle(config: TrainConfig, { emit }: TrainHost): void {
  for (const { name, why } of idleSettings(config))
    if (isSet(config, name)) emit({ type: 'warning', message: `the setting ${name} has no effect: ${why}` });
}

/** Throws a UsageError (PT_FREEZE_FRESH) where it is surely a mistake. */
function warnOfFreshFreeze(setup: RunSetup, { emit }: TrainHost): void {
  const message = freshFrozenAtStart(setup);
  if (message !== null) emit({ type: 'warning', message });
}

function warnOfDisk({ isInMemory, path }: MemoryFolder, { emit }: TrainHost): void {
  if (isInMemory) return;
  emit({
    type: 'warning',
    message:
      `the memory that workers share lies on a disk, in ${path}: training may be many times slower than with a ` +
      'folder in memory (--memory-dir, /dev/shm)',
  });
}
