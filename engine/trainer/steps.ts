// Steps: runs steps under the plan in force until a boundary. For each it awaits what the workers report, commits the
// update, and tells what the step did. What happens at a boundary is the training loop's business.
import { assembleStep, clipScale, requireFinite, type StepResult } from '../protocol/step-result.js';
import { checkRates, layerRates, timesRates } from '../run/layer-rates.js';
import { TraceRecorder } from '../trace/trace-recorder.js';
import type { PlanAdoption } from './plan-adoption.js';
import type { Recovery } from './recovery.js';
import type { RunScene } from './run-scene.js';
import { stepEvent } from './step-event.js';

export class Steps {
  readonly #scene: RunScene;
  readonly #adoption: PlanAdoption;
  readonly #recovery: Recovery;
  /** Null where nobody wants a trace. */
  readonly #trace: TraceRecorder | null;
  readonly #layerRates: readonly number[] | undefined;
  /** The last step that was done, whether or not a recovery undid it. */
  #highest = -1;

  constructor(scene: RunScene, adoption: PlanAdoption, recovery: Recovery) {
    this.#scene = scene;
    this.#layerRates = layerRates(scene.setup.config, scene.setup.model);
    this.#adoption = adoption;
    this.#recovery = recovery;
    const { trace } = scene.host;
    this.#trace = trace === undefined ? null : new TraceRecorder(trace);
  }

  /** Runs steps until `isBoundary` says so, the end, a request to stop, or news that a boundary has to deal with. */
  async run(isBoundary: (stepsDone: number) => boolean): Promise<void> {
    const { coordinator, stand } = this.#scene;
    let begin = performance.now();
    coordinator.start(stand.step);
    this.#adoption.prewarm();
    for (let goesOn = true; goesOn;) {
      const { step } = stand;
      const result = await this.#await(step);
      goesOn = this.#goesOn(step + 1, isBoundary);
      const now = await this.#commit(step, result, begin, goesOn);
      begin = now;
    }
  }

  async #await(step: number): Promise<StepResult> {
    const { setup, coordinator } = this.#scene;
    const reports = await coordinator.stepReports();
    const result = assembleStep(reports, setup.model.blocks.length, this.#adoption.plan.numMicroBatches);
    requireFinite(result, step, setup.model);
    return result;
  }

  #goesOn(done: number, isBoundary: (stepsDone: number) => boolean): boolean {
    const { setup, host, coordinator } = this.#scene;
    if (done >= setup.totalSteps || isBoundary(done) || host.signal.aborted) return false;
    return !coordinator.hasNews && !this.#adoption.isOff && coordinator.memoryFolder.isThere;
  }

  /** Lets the workers apply the update of a step that began at `begin`, and tells it. Returns when that was done. */
  async #commit(step: number, result: StepResult, begin: number, goesOn: boolean): Promise<number> {
    const { setup, host, coordinator, stand, learningRate: learningRateAt } = this.#scene;
    const done = step + 1;
    const learningRate = learningRateAt(step);
    const rates = timesRates(stand.freezer.rates(step), this.#layerRates);
    checkRates(rates, setup.model);
    const counts = stand.grower.counts(done);
    // While the model grows nothing is frozen, and norms of layers that are not there would say nothing.
    const signals = stand.grower.isWhole ? stand.freezer.observe(result.blockNorms, done) : null;
    stand.grower.observe(result.loss, done);
    const { snapshots } = stand;
    const snapshot = snapshots.isDue(begin) ? snapshots.begin(done, stand.decisions(), begin) : null;
    const update = {
      learningRate,
      gradientScale: clipScale(result.gradNorm, setup.config.clip),
      updateCount: done,
      rates,
      counts,
      snapshot: snapshot?.version ?? null,
    };
    const applied = coordinator.commit(step, update, goesOn);
    const drainFrom = performance.now();
    await applied;
    const now = performance.now();
    this.#adoption.drained(now - drainFrom);
    this.#record(step, result, learningRate, (now - begin) / 1000);
    if (snapshot !== null) {
      // From now on it may become whole: its step is recorded.
      snapshot.progress = stand.progress.save();
      this.#adoption.followSnapshot(snapshot);
    }
    if (signals !== null) host.emit(signals);
    return now;
  }

  #record(step: number, result: StepResult, lr: number, seconds: number): void {
    const { setup, host, stand } = this.#scene;
    const { sampler } = setup;
    const { ids, epoch } = sampler.batchAt(step);
    const samples = ids.filter((id) => id >= 0).length;
    const start = (step % sampler.stepsPerEpoch) * sampler.batch;
    const shares = result.shares.map(({ from, to, digest }) => ({ from: start + from, to: start + to, digest }));
    stand.progress.add(result.loss, samples, seconds);
    this.#adoption.stepDone(seconds, result);
    this.#recovery.stepDone();
    const facts = { step, epoch, lr, samples, seconds, shares, isReplay: step <= this.#highest };
    host.emit(stepEvent(facts, result, this.#adoption.plan));
    this.#trace?.stepDone(this.#adoption.plan, step, seconds, result);
    this.#highest = Math.max(this.#highest, step);
  }
}
