// BoundaryFreezing: what freezing does between two steps: it lets the metric be looked at, asks for the decision, and
// carries out what comes of it, here and nowhere else: a checkpoint to go back to, another plan, or the way back. What
// freezes, and what hurts, is decided in the freezing room.
import { basename, join } from 'node:path';
import { readManifest } from '../checkpoint/manifest.js';
import { type FreezeIntent, type GoBackIntent, GuardedFreezing } from '../freezing/guarded-freezing.js';
import { becauseFrozen } from '../planning/planned.js';
import type { RunScene } from './run-scene.js';
import type { RunTools } from './run-tools.js';

export class BoundaryFreezing {
  readonly #scene: RunScene;
  readonly #tools: RunTools;
  readonly #freezing: GuardedFreezing;

  constructor(scene: RunScene, tools: RunTools) {
    this.#scene = scene;
    this.#tools = tools;
    this.#freezing = new GuardedFreezing(scene.stand.freezer, scene.setup.model.metric.name);
  }

  /** Whether something is due when `stepsDone` steps are done. */
  isDue(stepsDone: number): boolean {
    const { freezer, grower } = this.#scene.stand;
    // What is not there cannot be frozen, and what will be copied shall learn until then.
    if (!grower.isWhole) return false;
    return freezer.isDue(stepsDone) || freezer.guard.isDue(stepsDone);
  }

  /**
   * Lets the guard look where a look is due. True: the last freeze hurts, and the run stands where it was before it.
   */
  async look(): Promise<boolean> {
    const { grower, step } = this.#scene.stand;
    if (!grower.isWhole || !this.#freezing.wantsLook(step)) return false;
    const goBack = await this.#lookNow();
    if (goBack !== null) await this.#goBack(goBack);
    return goBack !== null;
  }

  /** Asks the policy where a decision is due, and does what follows from it. */
  async decide(): Promise<void> {
    const { grower, step } = this.#scene.stand;
    if (!grower.isWhole || !this.#freezing.wantsDecision(step)) return;
    await this.#freeze(this.#freezing.decide(step));
  }

  async #lookNow(): Promise<GoBackIntent | null> {
    const { step } = this.#scene.stand;
    const begin = performance.now();
    const { validations, adoption } = this.#tools;
    const { metric, parts, samples } = await validations.part(adoption.plan, this.#freezing.stride);
    const seconds = (performance.now() - begin) / 1000;
    const { event, goBack } = this.#freezing.look({ step, metric, parts, samples, seconds });
    this.#scene.host.emit(event);
    return goBack;
  }

  async #freeze(intent: FreezeIntent): Promise<void> {
    const { host } = this.#scene;
    const { adoption, saves } = this.#tools;
    const { event, watch } = intent;
    if (watch !== null) {
      const saved = await saves.now(adoption.plan);
      if (saved === null) return host.emit(this.#freezing.withdrawn(intent));
      this.#freezing.kept(basename(saved.path));
    }
    host.emit(event);
    if (event.toLayers !== event.fromLayers) await adoption.forFrozen(becauseFrozen(event.toLayers));
  }

  async #goBack({ event, step, checkpoint, because }: GoBackIntent): Promise<void> {
    const { host, stand } = this.#scene;
    const { adoption, saves } = this.#tools;
    host.emit(event);
    await saves.goBackTo(step);
    const { progress } = readManifest(join(host.runFolder.checkpointsPath, checkpoint));
    stand.progress.rewind(progress);
    // A loss on the way must not lead to a later step.
    stand.snapshots.goBack(progress, stand.decisions(), checkpoint);
    await adoption.forFrozen(because, { kind: 'checkpoint', name: checkpoint });
    await saves.now(adoption.plan);
  }
}
