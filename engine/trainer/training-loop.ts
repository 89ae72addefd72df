// TrainingLoop: steps until a boundary, and what is due there: a validation, a look of the guard, a freeze, a
// checkpoint, workers that come or go, a better plan. A failure that the run survives takes it back to its last
// snapshot, and the loop goes on from there. It computes nothing itself.
import { isRecoverable } from '../core/conditions.js';
import { NonFiniteError, PipetrainError } from '../core/errors.js';
import { memoryGone } from '../core/memory-gone.js';
import { bestBy } from '../run/best.js';
import { BoundaryFreezing } from './boundary-freezing.js';
import { growWhereDue } from './boundary-growth.js';
import { regardMembers } from './membership.js';
import { repairMemory } from './memory-repair.js';
import type { PlanAdoption } from './plan-adoption.js';
import { Recovery } from './recovery.js';
import { endRun } from './run-ending.js';
import type { RunScene } from './run-scene.js';
import type { RunTools } from './run-tools.js';
import type { Saves } from './saves.js';
import { Steps } from './steps.js';
import { Validations } from './validations.js';

export class TrainingLoop {
  readonly #scene: RunScene;
  readonly #tools: RunTools;
  readonly #freezing: BoundaryFreezing;
  readonly #recovery: Recovery;
  readonly #steps: Steps;

  constructor(scene: RunScene, adoption: PlanAdoption, saves: Saves) {
    this.#scene = scene;
    this.#tools = { adoption, saves, validations: new Validations(scene) };
    this.#freezing = new BoundaryFreezing(scene, this.#tools);
    this.#recovery = new Recovery(scene, adoption);
    this.#steps = new Steps(scene, adoption, this.#recovery);
  }

  /**
   * Trains to the end or until somebody asks to stop, and saves. Rejects with a failure that the run does not survive;
   * then what was last put away in shared memory is saved.
   */
  async run(): Promise<void> {
    try {
      await this.#train();
    } catch (error) {
      // What is not finite in a step may not have been right before it.
      if (!(error instanceof NonFiniteError)) await this.#tools.saves.ofSnapshot(this.#tools.adoption.plan);
      throw error;
    }
  }

  async #train(): Promise<void> {
    for (;;) {
      try {
        while (await this.#passBoundary()) await this.#steps.run((done) => this.#isBoundary(done));
        return await endRun(this.#scene, this.#tools, this.#recovery);
      } catch (error) {
        const { memoryFolder } = this.#scene.coordinator;
        // A snapshot to go back to is gone with it.
        if (isRecoverable(error) && !memoryFolder.isThere)
          throw memoryGone(memoryFolder.path, `a worker could not go on without it: ${error.message}`, error);
        if (!this.#recovery.isPossible(error)) throw error;
        await this.#recovery.recover(error);
      }
    }
  }

  #isBoundary(done: number): boolean {
    return (
      this.#tools.validations.isAt(done) ||
      this.#tools.saves.isDue(done) ||
      this.#scene.stand.grower.isDue(done) ||
      this.#freezing.isDue(done) ||
      rateProblem(this.#scene, done) !== null
    );
  }

  /**
   * Does what is due between two steps. What is due before the first step is so after a recovery: its snapshot may be
   * older than a decision of that very step. Returns whether more steps follow.
   */
  async #passBoundary(): Promise<boolean> {
    const { setup, host, coordinator, stand } = this.#scene;
    const { adoption, saves } = this.#tools;
    if (!coordinator.memoryFolder.isThere) await repairMemory(this.#scene, adoption, this.#recovery);
    await this.#validate();
    // Where the guard takes the run back, other things are due at the step where it then stands.
    while (await this.#freezing.look()) await this.#validate();
    if (stand.step === setup.totalSteps || this.#isOutOfPatience()) return false;
    await this.#endWithoutRate();
    await growWhereDue(this.#scene, this.#tools);
    await this.#freezing.decide();
    if ((saves.isDue(stand.step) || saves.isOfBest) && saves.isBehind) await saves.onTheWay(adoption.plan);
    if (host.signal.aborted) return false;
    if (coordinator.hasNews) await regardMembers(this.#scene, adoption);
    if (adoption.isOff) await adoption.correct();
    return true;
  }

  /** Tells it, too. */
  #isOutOfPatience(): boolean {
    const { setup, host, stand } = this.#scene;
    const { patience } = setup.config;
    const { best } = stand.progress;
    if (patience === undefined || best === null || best.since < patience) return false;
    const { step, value, since } = best;
    const by = bestBy(setup.config.keepBest, setup.model.metric);
    host.emit({ type: 'stopped.early', step: stand.step, best: { step, value, name: by.name }, since });
    return true;
  }

  /** A step without a learning rate cannot be done: what is done already is saved, and the run ends with the error. */
  async #endWithoutRate(): Promise<void> {
    const { adoption, saves } = this.#tools;
    const problem = rateProblem(this.#scene, this.#scene.stand.step);
    if (problem === null) return;
    if (saves.isBehind) await saves.last(adoption.plan);
    throw problem;
  }

  async #validate(): Promise<void> {
    const { step } = this.#scene.stand;
    const { validations, adoption } = this.#tools;
    if (validations.isAt(step) && validations.areBehind) await validations.whole(adoption.plan);
  }
}

/** Why the step after `done` steps has no learning rate, or null. */
function rateProblem({ learningRate, setup }: RunScene, done: number): PipetrainError | null {
  try {
    if (done < setup.totalSteps) learningRate(done);
    return null;
  } catch (error) {
    if (error instanceof PipetrainError) return error;
    throw error;
  }
}
