// PlanAdoption: the plan that is in force, and how the next one comes into force: it is made, the workers adopt it,
// what that cost is told, and a snapshot is taken, so that no recovery goes back over a change of plan. Why a new plan
// is wanted is for others to say.
import { frozenBlocks } from '../../freeze/layers.js';
import { transitionEvent } from '../coordinator/transition-parts.js';
import type { Plan } from '../core/plan.js';
import type { RunCosts } from '../costs/run-costs.js';
import { expectedLayers } from '../freezing/expected-freeze.js';
import { nextPlan } from '../planning/next-plan.js';
import { type PlanBasis, planBasis, withBorn, withWorkers } from '../planning/plan-basis.js';
import { planForFewer, planForMore } from '../planning/plan-for-workers.js';
import type { PlanHistory } from '../planning/plan-history.js';
import type { Planned, PlanRequest } from '../planning/planned.js';
import { PredictionWatch } from '../planning/prediction-watch.js';
import type { StepResult } from '../protocol/step-result.js';
import type { BornBlock } from '../run/run-growth.js';
import type { Snapshot } from '../state/snapshots.js';
import { cacheEvent } from './cache-event.js';
import type { RunScene } from './run-scene.js';

export class PlanAdoption {
  readonly #scene: RunScene;
  /** Puts corrected costs where later runs find them. */
  readonly #keepCosts: RunCosts['keep'];
  #basis: PlanBasis;
  /** With every plan that was made, also one that some workers did not live to adopt. */
  #history: PlanHistory;
  #inForce: Plan;
  /** Null where predictions are not to change the plan. */
  #watch: PredictionWatch | null;
  #isPrewarmDue = true;
  /** What the last commit waited for the workers, milliseconds. */
  #drainMs = 0;

  /** Makes the first plan of a run and has it adopted by the workers, which are launched. */
  static async first(scene: RunScene, known: RunCosts, request: PlanRequest): Promise<PlanAdoption> {
    const { costs, rates } = known;
    const slownessOf = (worker: string): number => scene.coordinator.slownessOf(worker, costs);
    const basis = planBasis(scene.setup, { costs, rates, slownessOf });
    const planned = nextPlan(basis, null, request);
    const adoption = new PlanAdoption(scene, basis, planned, known.keep);
    await adoption.#enforce(planned, null, performance.now());
    return adoption;
  }

  private constructor(scene: RunScene, basis: PlanBasis, planned: Planned, keepCosts: RunCosts['keep']) {
    this.#scene = scene;
    this.#keepCosts = keepCosts;
    this.#basis = basis;
    this.#history = planned.history;
    this.#inForce = planned.plan;
    this.#watch = this.#watchOf(planned);
  }

  /** The plan that the workers have adopted. */
  get plan(): Plan {
    return this.#inForce;
  }

  get basis(): PlanBasis {
    return this.#basis;
  }

  get history(): PlanHistory {
    return this.#history;
  }

  /**
   * Another plan, since something else is frozen than before. `restore` names where state comes from, if not from the
   * workers.
   */
  async forFrozen(because: string, restore: Plan['restore'] = null): Promise<void> {
    const begin = performance.now();
    const request = { ...this.#scene.stand.request(because), restore };
    await this.#adopt(nextPlan(this.#basis, this.#history, request), begin);
  }

  /** Another plan, since the model has become more: `born` are the new blocks, and those they start like. */
  async forGrown(because: string, born: readonly BornBlock[]): Promise<void> {
    const begin = performance.now();
    const { stand } = this.#scene;
    this.#basis = withBorn(this.#basis, born);
    const { absent, keepsFunction: asIdentity } = stand.grower;
    const growth = { absent: [...absent], born: [...born], asIdentity };
    await this.#adopt(nextPlan(this.#basis, this.#history, { ...stand.request(because), growth }), begin);
  }

  /** The plan for `workers`, which are fewer than those that have seats. */
  async forFewer(workers: readonly string[], request: PlanRequest): Promise<void> {
    const begin = performance.now();
    this.#basis = withWorkers(this.#basis, workers);
    await this.#adopt(planForFewer(this.#basis, this.#history, request), begin);
  }

  /** A plan that uses newcomers among `workers`, where one is worth its transition. */
  async forMore(workers: readonly string[], request: PlanRequest): Promise<void> {
    const begin = performance.now();
    this.#basis = withWorkers(this.#basis, workers);
    const planned = planForMore(this.#basis, this.#history, request);
    if (planned !== null) await this.#adopt(planned, begin);
  }

  /** Takes note of a step under the current plan. */
  stepDone(seconds: number, result: StepResult): void {
    this.#watch?.add(seconds, result);
  }

  /** What the last commit of a run of steps waited for the workers; it is part of what a transition costs. */
  drained(ms: number): void {
    this.#drainMs = ms;
  }

  /** Whether the steps of the current plan were not as predicted, and nothing has been done about it. */
  get isOff(): boolean {
    return this.#watch?.isDue === true;
  }

  /**
   * Corrects the costs by what steps took, and changes the plan where another is now predicted to be better by enough.
   */
  async correct(): Promise<void> {
    if (this.#watch === null) return;
    const { stand, host } = this.#scene;
    const begin = performance.now();
    const request = (because: string): PlanRequest => stand.request(because);
    const { costs, planned, event } = this.#watch.settle(this.#basis, this.#history, stand.step, request);
    this.#basis = { ...this.#basis, costs };
    this.#keepCosts(costs, event);
    host.emit(event);
    if (planned !== null) await this.#adopt(planned, begin);
  }

  /**
   * Plans that the next freeze may lead to, the likeliest first, are compiled while the workers do their first step
   * with this one.
   */
  prewarm(): void {
    if (!this.#isPrewarmDue) return;
    this.#isPrewarmDue = false;
    const { setup, stand, coordinator } = this.#scene;
    const { next } = stand.grower;
    if (next !== null) {
      const { absent, born } = next;
      const growth = { absent: [...absent], born: [...born], asIdentity: false };
      const grown = nextPlan(this.#basis, this.#history, { ...stand.request('expected'), growth });
      coordinator.prewarm([grown.plan]);
      return;
    }
    const layers = expectedLayers(setup, stand.freezer.state);
    const previews = layers.map((frozenLayers) => {
      const frozen = frozenBlocks(setup.model.blocks, frozenLayers);
      // What it makes of the history is dropped: nobody adopts it.
      return nextPlan(this.#basis, this.#history, { ...stand.request('expected'), frozen, frozenLayers }).plan;
    });
    coordinator.prewarm(previews);
  }

  /** The snapshot that the last commit asked for; its step is recorded. */
  followSnapshot(snapshot: Snapshot): void {
    this.#follow(snapshot, this.#scene.coordinator.state.snapshotWritten());
  }

  /** A snapshot of the current step was written, or `problem` says why not. */
  snapshotEnded(snapshot: Snapshot, problem: string | null): void {
    const { host, stand } = this.#scene;
    const warning = stand.snapshots.end(snapshot, problem);
    if (warning !== null) host.emit({ type: 'warning', message: warning });
  }

  /** A failure here also ends the next wait for a step; it must not end the process before that. */
  #follow(snapshot: Snapshot, written: Promise<string | null>): void {
    written.then(
      (problem) => this.snapshotEnded(snapshot, problem),
      () => undefined,
    );
  }

  async #adopt(planned: Planned, begin: number): Promise<void> {
    this.#history = planned.history;
    this.#watch = this.#watchOf(planned);
    await this.#enforce(planned, this.#inForce, begin);
  }

  /** `before` is the plan that was in force, `begin` when the work on the new one began. */
  async #enforce({ plan, event, cacheReason }: Planned, before: Plan | null, begin: number): Promise<void> {
    const { setup, host, coordinator, stand } = this.#scene;
    const { step } = stand;
    const planMs = performance.now() - begin;
    // What is to be told is told while the workers are at it.
    const adopting = coordinator.adopt(plan);
    host.emit(event);
    const adoption = await adopting;
    this.#inForce = plan;
    stand.depth = plan.frozen;
    const adopted = performance.now();
    const snapshot = stand.snapshots.begin(step, stand.decisions(), adopted, stand.progress.save());
    const written = coordinator.state.snapshot(step, snapshot.version);
    const { ms, ...counts } = adoption.programs;
    host.emit({ type: 'programs.ready', generation: plan.generation, seconds: ms / 1000, ...counts });
    if (before?.usesCache === true) coordinator.removeOldCaches(plan);
    if (plan.frozen > 0) host.emit(cacheEvent(setup, this.#basis.costs, plan, step, cacheReason));
    // Nothing is trained before there is a state to go back to; once there is one, the next is copied beside the steps.
    if (stand.snapshots.last === null) this.snapshotEnded(snapshot, await written);
    else this.#follow(snapshot, written);
    const drainMs = this.#drainMs;
    if (before !== null) host.emit(transitionEvent({ step, before, plan, begin, adopted, planMs, drainMs, adoption }));
    this.#isPrewarmDue = true;
  }

  #watchOf(planned: Planned): PredictionWatch | null {
    const { replan, exact } = this.#scene.setup.config;
    return replan === 'auto' && exact ? new PredictionWatch(planned) : null;
  }
}
