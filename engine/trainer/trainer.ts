// Trainer: the loop of a run. It lets the coordinator do steps, validates, asks the freezer, makes workers adopt new
// plans, recovers, and saves. Every decision it takes is an event. It computes nothing itself.
import { basename, join } from 'node:path';
import { frozenBlocks } from '../../freeze/layers.js';
import type { BlockCost } from '../../pipeline/costs.js';
import { Checkpointer, notSaved } from '../checkpoint/checkpointer.js';
import { realFiles } from '../checkpoint/file-layer.js';
import { type InitialWeights, initialWeights, weightsEvent } from '../checkpoint/initial-weights.js';
import {
  removeLaterCheckpoints,
  restoreFrom,
  type ResumePoint,
  runState,
  type SavedCheckpoint,
} from '../checkpoint/run-checkpoint.js';
import type { Coordinator } from '../coordinator/coordinator.js';
import { transitionEvent } from '../coordinator/transition-parts.js';
import { durationInSteps } from '../core/duration.js';
import type { WorkerError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import { runCosts } from '../costs/run-costs.js';
import { DroppedPeers } from '../events/dropped-peers.js';
import { expectedLayers } from '../freezing/expected-freeze.js';
import { Freezer } from '../freezing/freezer.js';
import { GuardedFreezing } from '../freezing/guarded-freezing.js';
import { writeSample } from '../inference/generate.js';
import { modelDigest } from '../model/model-digest.js';
import { readsOf } from '../planning/cache-reads.js';
import { PredictionWatch, type WatchHost } from '../planning/prediction-watch.js';
import { type Planned, type PlanRequest, Replanner } from '../planning/replanner.js';
import type { Report } from '../protocol/messages.js';
import { assembleStep, clipScale, requireFinite, type StepResult } from '../protocol/step-result.js';
import { assembleValidation, type Validation } from '../protocol/validation.js';
import { Progress } from '../run/progress.js';
import { runLearningRate } from '../run/run-learning-rate.js';
import type { RunSetup } from '../run/run-setup.js';
import { type Snapshot, Snapshots } from '../state/snapshots.js';
import type { KeptResults } from '../tensor/program-shelf.js';
import { measureBreakdown } from './breakdown.js';
import { cacheEvent } from './cache-event.js';
import { joinedEvent, regardMembers } from './membership.js';
import { requireMemory } from './memory-need.js';
import { Setbacks } from './setbacks.js';
import { startEvent } from './start-event.js';
import { stepEvent } from './step-event.js';
import type { TrainHost } from './train-host.js';

export class Trainer {
  readonly #setup: RunSetup;
  readonly #host: TrainHost;
  readonly #from: ResumePoint | null;
  /** Weights to start from, where the run does not go on. */
  readonly #initial: InitialWeights | null;
  readonly #coordinator: Coordinator;
  readonly #kept: KeptResults | null;
  readonly #checkpointer: Checkpointer;
  readonly #freezer: Freezer;
  readonly #freezing: GuardedFreezing;
  readonly #progress = new Progress();
  readonly #dropped = new DroppedPeers();
  readonly #snapshots = new Snapshots();
  readonly #learningRate: (step: number) => number;
  readonly #startedAt = performance.now();
  #replanner: Replanner | null = null;
  #watch: PredictionWatch | null = null;
  #adopted: Plan | null = null;
  #costs: readonly BlockCost[] = [];
  /** Steps of the last checkpoint. */
  #savedAt = -1;
  #isCacheOff = false;
  #isPrewarmDue = false;
  #modelDigest: string | null = null;
  #numRestarts = 0;
  readonly #setbacks = new Setbacks();
  /** The last step that was done, whether or not a recovery undid it. */
  #highest = -1;
  /** What the last commit waited for the workers. */
  #drainMs = 0;

  constructor(
    setup: RunSetup,
    host: TrainHost,
    from: ResumePoint | null,
    coordinator: Coordinator,
    kept: KeptResults | null,
  ) {
    this.#setup = setup;
    this.#host = host;
    this.#from = from;
    this.#freezer = new Freezer(setup);
    this.#freezing = new GuardedFreezing(setup, this.#freezer, this.#freezingHost());
    this.#learningRate = runLearningRate(setup);
    const { model, config } = setup;
    this.#initial =
      from === null && config.initFrom !== '' ? initialWeights(model, config.initFrom, config.initStrict) : null;
    this.#coordinator = coordinator;
    this.#kept = kept;
    this.#checkpointer = new Checkpointer({
      files: host.files,
      folder: host.runFolder.checkpointsPath,
      memory: this.#coordinator.memoryFolder.path,
      setup,
      emit: host.emit,
    });
  }

  async train(): Promise<void> {
    this.#host.emit(startEvent(this.#setup));
    if (this.#initial !== null) this.#host.emit(weightsEvent(this.#initial));
    requireMemory(this.#coordinator.memoryFolder, this.#setup);
    for (const member of await this.#coordinator.launch()) this.#host.emit(joinedEvent(member));
    this.#host.onOpen?.(this.#coordinator.entrance);
    const { event, keep, ...costs } = await runCosts(this.#setup, this.#coordinator, this.#kept);
    this.#costs = costs.costs;
    this.#host.emit(event);
    this.#replanner = new Replanner({
      ...this.#setup,
      ...costs,
      ...readsOf(this.#setup),
      slownessOf: (worker) => this.#coordinator.slownessOf(worker, costs.costs),
    });
    const { config } = this.#setup;
    if (config.replan === 'auto' && config.exact) this.#watch = new PredictionWatch(costs.costs, keep);
    if (this.#from !== null) {
      restoreFrom(this.#from, this.#progress, this.#freezer);
      this.#host.emit({ type: 'resumed', step: this.#progress.steps, checkpoint: this.#from.folder });
      this.#savedAt = this.#from.manifest.step;
    } else this.#freezing.begin();
    const restore = this.#from === null ? null : ({ kind: 'checkpoint', folder: this.#from.folder } as const);
    await this.#adopt(
      this.#replanner.next({ ...this.#request(this.#from === null ? 'the run starts' : 'the run goes on'), restore }),
    );
    for (;;) {
      try {
        await this.#trainToEnd();
        return await this.#finish();
      } catch (error) {
        if (!this.#isSurvivable(error)) throw error;
        await this.#recover(error);
      }
    }
  }

  /** What tells the model and the data of this run from others. */
  digests(): { readonly model: string; readonly data: string } {
    const { model, dataset, microBatch } = this.#setup;
    return { model: (this.#modelDigest ??= modelDigest(model, dataset.info, microBatch)), data: dataset.digest };
  }

  async close(): Promise<void> {
    await this.#checkpointer.close();
  }

  async #trainToEnd(): Promise<void> {
    const { totalSteps, sampler, config, dataset } = this.#setup;
    const evaluationInterval = durationInSteps(config.evalEvery, sampler.stepsPerEpoch);
    const checkpointInterval = durationInSteps(config.checkpointEvery, sampler.stepsPerEpoch);
    const { guard } = this.#freezer;
    // What is due before the first step is so after a recovery: its snapshot may be older than a decision of that very
    // step.
    for (;;) {
      const done = this.#progress.steps;
      if (
        done > 0 &&
        done % evaluationInterval === 0 &&
        this.#progress.metric?.step !== done &&
        dataset.numValidation > 0
      )
        await this.#evaluate();
      if (await this.#freezing.look()) continue;
      if (done === totalSteps) return;
      await this.#freezing.decide();
      if (done > 0 && done % checkpointInterval === 0 && this.#savedAt !== done) await this.#checkpoint();
      if (this.#host.signal.aborted) return;
      if (this.#coordinator.hasNews)
        await regardMembers(this.#coordinator, present(this.#replanner, 'replanner'), this.#planHost);
      if (this.#watch?.isDue === true) await this.#watch.settle(present(this.#replanner, 'replanner'), this.#planHost);
      await this.#runSteps(
        (steps) =>
          steps % evaluationInterval === 0 ||
          steps % checkpointInterval === 0 ||
          this.#freezer.isDue(steps) ||
          guard.isDue(steps),
      );
    }
  }

  /** Runs steps until a boundary, the end, or a request to stop. */
  async #runSteps(isBoundary: (stepsDone: number) => boolean): Promise<void> {
    let begin = performance.now();
    this.#coordinator.start(this.#progress.steps);
    this.#prewarm();
    for (let goesOn = true; goesOn;) {
      const step = this.#progress.steps;
      const done = step + 1;
      const result = await this.#awaitStep(step);
      goesOn =
        done < this.#setup.totalSteps &&
        !isBoundary(done) &&
        !this.#host.signal.aborted &&
        !this.#coordinator.hasNews &&
        this.#watch?.isDue !== true;
      const learningRate = this.#learningRate(step);
      const rates = this.#freezer.rates(step);
      const signals = this.#freezer.observe(result.blockNorms, done);
      const snapshot = this.#snapshots.isDue(begin) ? this.#snapshots.begin(done, this.#freezer.save(), begin) : null;
      const update = {
        learningRate,
        gradientScale: clipScale(result.gradNorm, this.#setup.config.clip),
        updateCount: done,
        rates,
        snapshot: snapshot?.version ?? null,
      };
      const applied = this.#coordinator.commit(step, update, goesOn);
      // A failure here also ends the next wait for a step; it must not end the process before that.
      if (snapshot !== null)
        this.#coordinator.state.snapshotWritten().then(
          (problem) => this.#endSnapshot(snapshot, problem),
          () => undefined,
        );
      const drainFrom = performance.now();
      await applied;
      const now = performance.now();
      this.#drainMs = now - drainFrom;
      this.#record(step, result, learningRate, (now - begin) / 1000);
      if (signals !== null) this.#host.emit(signals);
      begin = now;
    }
  }

  async #awaitStep(step: number): Promise<StepResult> {
    const { model } = this.#setup;
    const reports = await this.#coordinator.stepReports();
    const result = assembleStep(reports, model.blocks.length, this.#plan.numMicroBatches);
    requireFinite(result, step, model);
    return result;
  }

  #record(step: number, result: StepResult, lr: number, seconds: number): void {
    const { sampler } = this.#setup;
    const { ids, epoch } = sampler.batchAt(step);
    const samples = ids.filter((id) => id >= 0).length;
    const start = (step % sampler.stepsPerEpoch) * sampler.batch;
    const shares = result.shares.map(({ from, to, digest }) => ({ from: start + from, to: start + to, digest }));
    this.#progress.add(result.loss, samples, seconds);
    this.#watch?.add(seconds, result);
    this.#setbacks.stepDone();
    this.#host.emit(
      stepEvent({ step, epoch, lr, samples, seconds, shares, isReplay: step <= this.#highest }, result, this.#plan),
    );
    this.#highest = Math.max(this.#highest, step);
  }

  #freezingHost(): ConstructorParameters<typeof GuardedFreezing>[2] {
    const stepsDone = (): number => this.#progress.steps;
    const replan = (request: PlanRequest): Promise<void> => {
      const begin = performance.now();
      return this.#adopt(present(this.#replanner, 'replanner').next(request), begin);
    };
    return {
      get stepsDone() {
        return stepsDone();
      },
      emit: (event) => this.#host.emit(event),
      validate: (stride) => this.#look(stride),
      save: async () => {
        const saved = await this.#saveNow();
        return saved === null ? null : basename(saved.path);
      },
      replan: (because) => replan(this.#request(because)),
      goBack: async (step, checkpoint, because) => {
        const { checkpointsPath } = this.#host.runFolder;
        const folder = join(checkpointsPath, checkpoint);
        await this.#checkpointer.idle();
        await removeLaterCheckpoints(this.#host.files ?? realFiles, checkpointsPath, step);
        this.#progress.rewind(step);
        // A loss on the way must not lead to a later step.
        this.#snapshots.goBack(step, this.#freezer.save(), folder);
        await replan({ ...this.#request(because), restore: { kind: 'checkpoint', folder } });
        await this.#saveNow();
      },
    };
  }

  #request(because: string): PlanRequest {
    const { totalSteps, sampler } = this.#setup;
    return {
      frozen: this.#freezer.blocks,
      frozenLayers: this.#freezer.layers,
      epochsLeft: (totalSteps - this.#progress.steps) / sampler.stepsPerEpoch,
      because,
    };
  }

  get #planHost(): WatchHost {
    return {
      step: this.#progress.steps,
      emit: this.#host.emit,
      request: (because) => this.#request(because),
      adopt: (planned) => this.#adopt(planned),
    };
  }

  /**
   * Makes the workers adopt a plan, tells what it cost, and takes a snapshot, so that no recovery goes back over a
   * change of plan.
   */
  async #adopt(planned: Planned, begin = performance.now()): Promise<void> {
    const { plan, event, cacheReason } = planned;
    this.#watch?.begin(planned);
    const before = this.#adopted;
    const step = this.#progress.steps;
    const planMs = performance.now() - begin;
    // What is to be told is told while the workers are at it.
    const adopting = this.#coordinator.adopt(plan);
    this.#host.emit(event);
    const adoption = await adopting;
    this.#adopted = plan;
    const adopted = performance.now();
    const snapshot = this.#snapshots.begin(step, this.#freezer.save(), adopted);
    const written = this.#coordinator.state.snapshot(step, snapshot.version);
    const { ms, ...counts } = adoption.programs;
    this.#host.emit({ type: 'programs.ready', generation: plan.generation, seconds: ms / 1000, ...counts });
    if (before?.usesCache === true) this.#coordinator.removeOldCaches(plan);
    if (plan.frozen > 0) this.#host.emit(cacheEvent(this.#setup, this.#costs, plan, step, cacheReason));
    this.#endSnapshot(snapshot, await written);
    if (before !== null)
      this.#host.emit(
        transitionEvent({ step, before, plan, begin, adopted, planMs, drainMs: this.#drainMs, adoption }),
      );
    this.#isPrewarmDue = true;
  }

  /**
   * Plans that the next freeze may lead to, the likeliest first, are made while the workers do their first step with
   * this one.
   */
  #prewarm(): void {
    if (!this.#isPrewarmDue) return;
    this.#isPrewarmDue = false;
    const { config, model } = this.#setup;
    const layers = expectedLayers(config, this.#freezer.state);
    this.#coordinator.prewarm(
      layers.map((frozenLayers) =>
        present(this.#replanner, 'replanner').preview({
          ...this.#request('expected'),
          frozen: frozenBlocks(model.blocks, frozenLayers),
          frozenLayers,
        }),
      ),
    );
  }

  #endSnapshot(snapshot: Snapshot, problem: string | null): void {
    const warning = this.#snapshots.end(snapshot, problem);
    if (warning !== null) this.#host.emit({ type: 'warning', message: warning });
  }

  /** Without a snapshot there is nothing to go on from. */
  #isSurvivable(error: unknown): error is WorkerError {
    return this.#snapshots.last !== null && this.#setbacks.isSurvivable(error);
  }

  /**
   * Gives up the step everywhere, plans with who is left, restores the last snapshot; the steps since then are done
   * again.
   */
  async #recover(cause: WorkerError): Promise<void> {
    const begin = performance.now();
    const failedAt = this.#progress.steps;
    this.#setbacks.note(cause);
    this.#snapshots.abandon();
    const snapshot = present(this.#snapshots.last, 'snapshot');
    const { lost, joined, numStarted } = await this.#coordinator.regroup(
      this.#setup.config.maxRestarts - this.#numRestarts,
    );
    this.#numRestarts += numStarted;
    for (const { worker, reason } of lost) this.#host.emit({ type: 'worker.lost', worker, reason });
    if (lost.length === 0 || cause.code === 'PT_SHM_FULL') this.#host.emit({ type: 'warning', message: cause.message });
    for (const member of joined) this.#host.emit(joinedEvent(member));
    const { workers } = this.#coordinator;
    if (workers.length === 0) throw cause;
    if (workers.length < this.#setup.workers.length)
      this.#host.emit({
        type: 'warning',
        message:
          `${workers.length} of ${this.#setup.workers.length} workers are left and ${this.#numRestarts} of at ` +
          `most ${this.#setup.config.maxRestarts} were replaced; the run goes on with those (--max-restarts)`,
      });
    this.#progress.rewind(snapshot.steps);
    this.#freezer.restore(snapshot.freezer);
    const planned = present(this.#replanner, 'replanner').forWorkers(workers, {
      ...this.#request('workers were lost'),
      restore: snapshot.restore,
    });
    try {
      await this.#adopt(planned);
    } catch (error) {
      // Another loss during the recovery: start over from the same snapshot.
      if (!this.#isSurvivable(error)) throw error;
      return this.#recover(error);
    }
    this.#host.emit({
      type: 'recovered',
      step: failedAt,
      fromStep: snapshot.steps,
      lost: lost.map(({ worker }) => worker),
      workers: workers.length,
      seconds: (performance.now() - begin) / 1000,
    });
  }

  async #evaluate(): Promise<void> {
    const { model, sampler } = this.#setup;
    const step = this.#progress.steps;
    const begin = performance.now();
    const { loss, metric, samples } = await this.#validate(1);
    this.#progress.validated(metric);
    const seconds = (performance.now() - begin) / 1000;
    this.#host.emit({
      type: 'evaluation',
      step,
      epoch: step / sampler.stepsPerEpoch,
      loss,
      metric,
      metricName: model.metric.name,
      samples,
      seconds,
    });
  }

  /** What the guard sees: the whole validation of this very step, if there was one and it wants all samples. */
  async #look(stride: number): Promise<Pick<Validation, 'metric' | 'samples'>> {
    const { metric } = this.#progress;
    if (stride === 1 && metric?.step === this.#progress.steps)
      return { metric: metric.value, samples: this.#setup.dataset.numValidation };
    return this.#validate(stride);
  }

  async #validate(stride: number): Promise<Validation> {
    return assembleValidation(
      await this.#coordinator.evaluate(stride),
      this.#setup.dataset.numValidation,
      this.#plan.microBatch,
      this.#setup.model,
    );
  }

  async #finish(): Promise<void> {
    const { model, dataset, config } = this.#setup;
    if (this.#progress.metric?.step !== this.#progress.steps && dataset.numValidation > 0) await this.#evaluate();
    const saved = await this.#saveNow();
    if (saved === null) throw notSaved(this.#host.runFolder.checkpointsPath);
    const { weightsSha256, path } = saved;
    const isInterrupted = this.#host.signal.aborted;
    const wallSeconds = (performance.now() - this.#startedAt) / 1000;
    if (!isInterrupted && config.breakdown) await this.#breakDown();
    if (!isInterrupted && this.#host.quickstart === true) this.#host.emit(writeSample(path, this.#setup));
    const { steps, samplesSeen, finalLoss, trainSeconds, lossSha256 } = this.#progress;
    const metric = { name: model.metric.name, value: this.#progress.metric?.value ?? Number.NaN };
    this.#host.emit({
      type: 'run.finished',
      steps,
      samplesSeen,
      finalLoss,
      metric,
      wallSeconds,
      trainSeconds,
      weightsSha256,
      lossSha256,
      isInterrupted,
    });
  }

  /** The run is saved: a failure of this measurement costs the measurement only. */
  async #breakDown(): Promise<void> {
    try {
      const breakdown = await measureBreakdown(this.#setup, this.#coordinator, present(this.#replanner, 'replanner'));
      if (breakdown !== null) this.#host.emit(breakdown);
    } catch (error) {
      if (!this.#isSurvivable(error)) throw error;
      this.#host.emit({ type: 'warning', message: `the breakdown was given up: ${error.message}` });
    }
  }

  /**
   * A checkpoint on the way: training stands still while the state is copied, and goes on while the copy is written.
   */
  async #checkpoint(): Promise<void> {
    const begin = performance.now();
    this.#savedAt = this.#progress.steps;
    // More checkpoints than the disk can take: training waits, and the event says for how long.
    await this.#checkpointer.idle();
    const state = runState(this.#setup, this.#plan, this.#progress, this.#freezer);
    const copy = await this.#coordinator.state.copy();
    if (copy === null) await this.#checkpointer.write(state, await this.#coordinator.state.live());
    else this.#checkpointer.start(state, copy, performance.now() - begin);
  }

  /** A checkpoint of now; nothing goes on meanwhile. */
  async #saveNow(): Promise<SavedCheckpoint | null> {
    this.#savedAt = this.#progress.steps;
    await this.#checkpointer.idle();
    return this.#checkpointer.write(
      runState(this.#setup, this.#plan, this.#progress, this.#freezer),
      await this.#coordinator.state.live(),
    );
  }

  get #plan(): Plan {
    return present(this.#adopted, 'plan');
  }

  /** Takes note of a connection that was not let in, or was cut. */
  noteDropped(peer: string, reason: string): void {
    const event = this.#dropped.note(peer, reason);
    if (event !== null) this.#host.emit(event);
  }

  /** Takes what a worker reports on its own. */
  note(report: Report, worker: string): void {
    if (report.type !== 'cache-off' || this.#isCacheOff) return;
    this.#isCacheOff = true;
    this.#host.emit({
      type: 'cache.changed',
      step: this.#progress.steps,
      state: 'off',
      depth: this.#adopted?.frozen ?? 0,
      recordBytes: 0,
      capacity: 0,
      reason: `worker ${worker}: ${report.reason}`,
    });
  }
}
