// Saves: the checkpoints of a run: one on the way, while training goes on, or one of now, while nothing does. When one
// is due is the training loop's business, how it is written that of the checkpoint room.
import { Checkpointer, notSaved } from '../checkpoint/checkpointer.js';
import { realFiles } from '../checkpoint/file-layer.js';
import { removeLaterCheckpoints, type RunState, runState, type SavedCheckpoint } from '../checkpoint/run-checkpoint.js';
import { isUpdated, type Plan } from '../core/plan.js';
import { snapshotSources } from '../state/block-sources.js';
import type { RunScene } from './run-scene.js';
import { SaveTimes } from './save-times.js';

export class Saves {
  readonly #scene: RunScene;
  readonly #checkpointer: Checkpointer;
  readonly #times: SaveTimes;
  /** Steps of the last checkpoint. */
  #savedAt = -1;

  constructor(scene: RunScene) {
    const { setup, host, coordinator } = scene;
    this.#scene = scene;
    this.#times = new SaveTimes(setup.config.checkpointEvery, setup.sampler.stepsPerEpoch);
    this.#checkpointer = new Checkpointer({
      files: host.files,
      folder: host.runFolder.checkpointsPath,
      memory: coordinator.memoryFolder.path,
      setup,
      key: host.ownKey ?? null,
      emit: host.emit,
    });
  }

  /** Whether the run as it stands is not in the last checkpoint. */
  get isBehind(): boolean {
    return this.#savedAt !== this.#scene.stand.step;
  }

  /** Whether a checkpoint on the way is due after `step` steps. */
  isDue(step: number): boolean {
    return this.#times.isDue(step, this.#checkpointer.writeMs);
  }

  /** Whether the weights as they stand are the best so far, and wanted. */
  get isOfBest(): boolean {
    const { setup, stand } = this.#scene;
    return setup.config.keepBest !== 'off' && stand.step > 0 && stand.progress.best?.step === stand.step;
  }

  /** The run goes on from a checkpoint of so many steps. */
  wentOnFrom(step: number): void {
    this.#savedAt = step;
  }

  /** Training goes on while the state is copied, and while the copy is written. */
  async onTheWay(plan: Plan): Promise<void> {
    const begin = performance.now();
    const { step } = this.#scene.stand;
    this.#savedAt = step;
    this.#times.begun();
    // More checkpoints than the disk can take: training waits, and the event says for how long.
    await this.#checkpointer.idle();
    const { state } = this.#scene.coordinator;
    const run = this.#runState(plan);
    const copy = state.copy();
    if (copy === null) {
      await this.#checkpointer.write(run, await state.live());
      return;
    }
    this.#checkpointer.start(run, copy, performance.now() - begin);
    // Where the run comes by again, after a loss, it is due again.
    copy.whole.catch(() => {
      if (this.#savedAt === step) this.#savedAt = -1;
    });
  }

  /** A checkpoint of now, or null where it could not be written; the event says why. */
  async now(plan: Plan): Promise<SavedCheckpoint | null> {
    this.#savedAt = this.#scene.stand.step;
    this.#times.begun();
    await this.#checkpointer.idle();
    return this.#checkpointer.write(this.#runState(plan), await this.#scene.coordinator.state.live());
  }

  /** The last checkpoint of a run. Throws a DataError (PT_CHECKPOINT_WRITE) where it could not be written. */
  async last(plan: Plan): Promise<SavedCheckpoint> {
    const saved = await this.now(plan);
    if (saved === null) throw notSaved(this.#scene.host.runFolder.checkpointsPath);
    return saved;
  }

  /**
   * A checkpoint of the last whole snapshot, for a run that ends with a failure: nothing but the steps since then is
   * lost. None where there is no snapshot, or the last checkpoint is as new. Never throws: the failure is what is told.
   */
  async ofSnapshot(plan: Plan): Promise<void> {
    const { stand, setup, coordinator } = this.#scene;
    const { path, isThere } = coordinator.memoryFolder;
    const { last } = stand.snapshots;
    if (last?.restore.kind !== 'snapshot' || last.steps === 0 || last.steps <= this.#savedAt || !isThere) return;
    try {
      await this.#checkpointer.idle();
      stand.rewind(last);
      const { grower, freezer } = stand;
      const blocks = [...setup.model.blocks.keys()].filter((block) => !grower.absent.includes(block));
      const sources = snapshotSources(path, last.version, blocks, (block) => isUpdated(plan, freezer.blocks, block));
      await this.#checkpointer.write(this.#runState(plan), sources);
    } catch {
      // What cannot be recorded either: there is no place for events any more.
    }
  }

  /** The run goes back to the checkpoint after `step` steps on purpose; later ones are removed. */
  async goBackTo(step: number): Promise<void> {
    const { files = realFiles, runFolder } = this.#scene.host;
    await this.#checkpointer.idle();
    await removeLaterCheckpoints(files, runFolder.checkpointsPath, step);
  }

  /** Waits for the one that is being written. */
  close(): Promise<void> {
    return this.#checkpointer.close();
  }

  #runState(plan: Plan): RunState {
    const { setup, stand, host } = this.#scene;
    host.sync?.();
    return runState(setup, plan, stand.progress, stand);
  }
}
