// Trainer: the loop of a run. It lets the coordinator do steps, validates, asks the freezer, makes workers adopt new plans, recovers, and saves. Every
// decision it takes is an event. It computes nothing itself.
import type { BlockCost } from '../pipeline/costs.js';
import { frozenBlocks } from '../freeze/layers.js';
import { measureBreakdown } from './breakdown.js';
import { Checkpointer, notSaved } from './checkpointer.js';
import type { Coordinator } from './coordinator.js';
import { NonFiniteError, PipetrainError, type WorkerError } from './core/errors.js';
import { present } from './core/invariant.js';
import { DroppedPeers } from './dropped-peers.js';
import { durationInSteps } from './duration.js';
import type { RunEventBody } from './events.js';
import { expectedLayers } from './expected-freeze.js';
import { Freezer } from './freezer.js';
import { writeSample } from './generate.js';
import { compileLearningRate } from './learning-rate.js';
import type { Report } from './messages.js';
import { optimizerSpec } from './optimizer-spec.js';
import { pipelineLength, shapeOf, type Plan } from './plan.js';
import { Progress } from './progress.js';
import { Replanner, type Planned, type PlanRequest } from './replanner.js';
import { restoreFrom, runState, type ResumePoint, type SavedCheckpoint } from './run-checkpoint.js';
import { runCosts } from './run-costs.js';
import type { RunSetup } from './run-setup.js';
import { Snapshots, type Snapshot } from './snapshots.js';
import { startEvent } from './start-event.js';
import { assembleStep, clipScale, type StepResult } from './step-result.js';
import { stateCount } from './tensor/optimizer.js';
import type { KeptResults } from './tensor/program-shelf.js';
import type { TrainHost } from './train-host.js';

/** What a run survives: workers that are gone, cut off or hang, and memory that somebody else used up for a while. */
const SURVIVABLE = ['PT_WORKER_LOST', 'PT_WORKER_STUCK', 'PT_WORKER_SILENT', 'PT_SHM_FULL'];
/** Shortages of memory that a run survives; where it does not fit at all, going on would only repeat them. */
const MAX_SHORTAGES = 3;
/** Recoveries in a row without a finished step between them, after which a run gives up. */
const MAX_FUTILE_RECOVERIES = 5;

export class Trainer {
  readonly #setup: RunSetup;
  readonly #host: TrainHost;
  readonly #from: ResumePoint | null;
  readonly #coordinator: Coordinator;
  readonly #kept: KeptResults | null;
  readonly #checkpointer: Checkpointer;
  readonly #freezer: Freezer;
  readonly #progress = new Progress();
  readonly #dropped = new DroppedPeers();
  readonly #snapshots = new Snapshots();
  readonly #learningRate: ReturnType<typeof compileLearningRate>;
  readonly #startedAt = performance.now();
  #replanner: Replanner | null = null;
  #adopted: Plan | null = null;
  #costs: readonly BlockCost[] = [];
  #isCacheOff = false;
  #numRestarts = 0;
  #numFutile = 0;
  /** The last step that was done, whether or not a recovery undid it. */
  #highest = -1;
  #numShortages = 0;
  /** What the last commit waited for the workers. */
  #drainMs = 0;

  constructor(setup: RunSetup, host: TrainHost, from: ResumePoint | null, coordinator: Coordinator, kept: KeptResults | null) {
    this.#setup = setup;
    this.#host = host;
    this.#from = from;
    this.#freezer = new Freezer(setup);
    this.#learningRate = compileLearningRate(setup.config.lr, setup.config.warmup);
    this.#coordinator = coordinator;
    this.#kept = kept;
    this.#checkpointer = new Checkpointer({ files: host.files, folder: host.runFolder.checkpointsPath, memory: this.#coordinator.memoryFolder.path, setup, emit: host.emit });
  }

  async train(): Promise<void> {
    this.#host.emit(startEvent(this.#setup));
    this.#requireMemory();
    for (const { worker, pid, device } of await this.#coordinator.launch()) this.#host.emit({ type: 'worker.joined', worker, pid, device });
    const { dataset, ...setup } = this.#setup;
    const { event, ...costs } = await runCosts(this.#setup, this.#coordinator, this.#kept);
    this.#costs = costs.costs;
    this.#host.emit(event);
    this.#replanner = new Replanner({ ...setup, ...costs, numSamples: dataset.numTrain + dataset.numValidation });
    if (this.#from !== null) {
      restoreFrom(this.#from, this.#progress, this.#freezer);
      this.#host.emit({ type: 'resumed', step: this.#progress.steps, checkpoint: this.#from.folder });
    }
    const restore = this.#from === null ? null : ({ kind: 'checkpoint', folder: this.#from.folder } as const);
    await this.#adopt(this.#replanner.next({ ...this.#request(this.#from === null ? 'the run starts' : 'the run goes on'), restore }));
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

  async close(): Promise<void> {
    await this.#checkpointer.close();
  }

  async #trainToEnd(): Promise<void> {
    const { totalSteps, sampler, config } = this.#setup;
    const evaluationInterval = durationInSteps(config.evalEvery, sampler.stepsPerEpoch);
    const checkpointInterval = durationInSteps(config.checkpointEvery, sampler.stepsPerEpoch);
    while (this.#progress.steps < totalSteps && !this.#host.signal.aborted) {
      await this.#runSteps((done) => done % evaluationInterval === 0 || done % checkpointInterval === 0 || this.#freezer.isDue(done));
      const done = this.#progress.steps;
      if (done === totalSteps) return;
      if (done % evaluationInterval === 0) await this.#evaluate();
      if (this.#freezer.isDue(done)) await this.#freeze();
      if (done % checkpointInterval === 0) await this.#checkpoint();
    }
  }

  /** Runs steps until a boundary, the end, or a request to stop. */
  async #runSteps(isBoundary: (stepsDone: number) => boolean): Promise<void> {
    let begin = performance.now();
    this.#coordinator.start(this.#progress.steps);
    for (let goesOn = true; goesOn; ) {
      const step = this.#progress.steps;
      const done = step + 1;
      const result = await this.#awaitStep(step);
      goesOn = done < this.#setup.totalSteps && !isBoundary(done) && !this.#host.signal.aborted;
      const learningRate = this.#learningRateAt(step);
      this.#freezer.observe(result.blockNorms);
      const snapshot = this.#snapshots.isDue(begin) ? this.#snapshots.begin(done, this.#freezer.save(), begin) : null;
      const update = { learningRate, gradientScale: clipScale(result.gradNorm, this.#setup.config.clip), updateCount: done, snapshot: snapshot?.version ?? null };
      const applied = this.#coordinator.commit(step, update, goesOn);
      // A failure here also ends the next wait for a step; it must not end the process before that.
      if (snapshot !== null) this.#coordinator.snapshotWritten().then((problem) => this.#endSnapshot(snapshot, problem), () => undefined);
      const drainFrom = performance.now();
      await applied;
      const now = performance.now();
      this.#drainMs = now - drainFrom;
      this.#record(step, result, learningRate, (now - begin) / 1000);
      begin = now;
    }
  }

  async #awaitStep(step: number): Promise<StepResult> {
    const { model } = this.#setup;
    const reports = await this.#coordinator.stepReports();
    const result = assembleStep(reports, model.blocks.length, this.#plan.numMicroBatches);
    if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradNorm)) {
      const block = result.blockNorms.findIndex((norm) => !Number.isFinite(norm));
      const where = block < 0 ? '' : `; the first block whose gradient is not finite is ${block} (${present(model.blocks[block], 'block').name})`;
      throw new NonFiniteError(
        `step ${step}: the loss is ${result.loss} and the gradient norm ${result.gradNorm}${where}. The update was not applied`,
        'Use a smaller --lr, a longer --warmup, or --clip 1; check the data for values that are not numbers.',
      );
    }
    return result;
  }

  #record(step: number, result: StepResult, lr: number, seconds: number): void {
    const { sampler } = this.#setup;
    const { ids, epoch } = sampler.batchAt(step);
    const samples = ids.filter((id) => id >= 0).length;
    const plan = this.#plan;
    const seated = plan.replicas.reduce((sum, replica) => sum + pipelineLength(replica), 0);
    const share = (ms: number): number => Math.min(1, ms / (seated * seconds * 1000));
    const { loss, gradNorm, cacheHits, cacheMisses, peakMemory } = result;
    const start = (step % sampler.stepsPerEpoch) * sampler.batch;
    this.#progress.add(loss, samples, seconds);
    this.#numFutile = 0;
    this.#host.emit({
      type: 'step',
      step,
      epoch,
      loss,
      lr,
      gradNorm,
      samples,
      seconds,
      generation: plan.generation,
      frozen: plan.frozen,
      ...shapeOf(plan),
      cacheHits,
      cacheMisses,
      bubbleShare: share(result.waitMs),
      commShare: share(result.reduceMs),
      peakMemory,
      shares: result.shares.map(({ from, to, digest }) => ({ from: start + from, to: start + to, digest })),
      ...(step <= this.#highest ? { replay: true } : {}),
    });
    this.#highest = Math.max(this.#highest, step);
  }

  async #freeze(): Promise<void> {
    const before = this.#freezer.blocks;
    const event = this.#freezer.decide(this.#progress.steps);
    if (event !== null) this.#host.emit(event);
    if (this.#freezer.blocks === before) return;
    const begin = performance.now();
    await this.#adopt(present(this.#replanner, 'replanner').next(this.#request(`${this.#freezer.layers} layers are frozen`)), begin);
  }

  #request(because: string): PlanRequest {
    const { totalSteps, sampler } = this.#setup;
    return { frozen: this.#freezer.blocks, frozenLayers: this.#freezer.layers, epochsLeft: (totalSteps - this.#progress.steps) / sampler.stepsPerEpoch, because };
  }

  /** Makes the workers adopt a plan, tells what it cost, and takes a snapshot, so that no recovery goes back over a change of plan. */
  async #adopt({ plan, event, cacheReason }: Planned, begin = performance.now()): Promise<void> {
    const before = this.#adopted;
    const step = this.#progress.steps;
    const planMs = performance.now() - begin;
    this.#host.emit(event);
    const { movedBytes, stateMs, programs } = await this.#coordinator.adopt(plan);
    this.#adopted = plan;
    const adopted = performance.now();
    const { ms: compileMs, ...counts } = programs;
    this.#host.emit({ type: 'programs.ready', generation: plan.generation, seconds: compileMs / 1000, ...counts });
    if (before !== null) this.#removeOldCaches(plan);
    if (plan.frozen > 0) this.#reportCache(plan, step, cacheReason);
    const snapshot = this.#snapshots.begin(step, this.#freezer.save(), performance.now());
    this.#endSnapshot(snapshot, await this.#coordinator.snapshot(step, snapshot.version));
    if (before !== null) {
      const now = performance.now();
      const connectMs = Math.max(0, adopted - begin - planMs - stateMs - compileMs);
      const parts = { drainMs: this.#drainMs, planMs, stateMs, compileMs, connectMs, snapshotMs: now - adopted };
      this.#host.emit({ type: 'transition', step, generation: plan.generation, from: shapeOf(before), to: shapeOf(plan), frozen: plan.frozen, seconds: (now - begin) / 1000, movedBytes, parts });
    }
    this.#coordinator.prewarm(this.#expectedPlans());
  }

  #endSnapshot(snapshot: Snapshot, problem: string | null): void {
    const warning = this.#snapshots.end(snapshot, problem);
    if (warning !== null) this.#host.emit({ type: 'warning', message: warning });
  }

  /** Plans that the next freeze may lead to, the likeliest first. */
  #expectedPlans(): Plan[] {
    const { config, model } = this.#setup;
    return expectedLayers(config, this.#freezer.state).map((layers) => {
      const request = { ...this.#request('expected'), frozen: frozenBlocks(model.blocks, layers), frozenLayers: layers };
      return present(this.#replanner, 'replanner').preview(request);
    });
  }

  /** A lost worker, or one that lost its neighbours: the others can go on. Without a snapshot there is nothing to go on from. */
  #isSurvivable(error: unknown): error is WorkerError {
    if (!(error instanceof PipetrainError) || !SURVIVABLE.includes(error.code)) return false;
    if (error.code === 'PT_SHM_FULL' && this.#numShortages >= MAX_SHORTAGES) return false;
    return this.#snapshots.last !== null && this.#numFutile < MAX_FUTILE_RECOVERIES;
  }

  /** Gives up the step everywhere, plans with who is left, restores the last snapshot; the steps since then are done again. */
  async #recover(cause: WorkerError): Promise<void> {
    const begin = performance.now();
    const failedAt = this.#progress.steps;
    this.#numFutile++;
    if (cause.code === 'PT_SHM_FULL') this.#numShortages++;
    this.#snapshots.abandon();
    const snapshot = present(this.#snapshots.last, 'snapshot');
    const { lost, joined, numStarted } = await this.#coordinator.regroup(this.#setup.config.maxRestarts - this.#numRestarts);
    this.#numRestarts += numStarted;
    for (const { worker, reason } of lost) this.#host.emit({ type: 'worker.lost', worker, reason });
    if (lost.length === 0 || cause.code === 'PT_SHM_FULL') this.#host.emit({ type: 'warning', message: cause.message });
    for (const { worker, pid, device } of joined) this.#host.emit({ type: 'worker.joined', worker, pid, device });
    const { workers } = this.#coordinator;
    if (workers.length === 0) throw cause;
    if (workers.length < this.#setup.workers.length)
      this.#host.emit({ type: 'warning', message: `${workers.length} of ${this.#setup.workers.length} workers are left and ${this.#numRestarts} of at most ${this.#setup.config.maxRestarts} were replaced; the run goes on with those (--max-restarts)` });
    this.#progress.rewind(snapshot.steps);
    this.#freezer.restore(snapshot.freezer);
    const planned = present(this.#replanner, 'replanner').forWorkers(workers, { ...this.#request('workers were lost'), restore: { kind: 'snapshot', version: snapshot.version } });
    try {
      await this.#adopt(planned);
    } catch (error) {
      // Another loss during the recovery: start over from the same snapshot.
      if (!this.#isSurvivable(error)) throw error;
      return this.#recover(error);
    }
    this.#host.emit({ type: 'recovered', step: failedAt, fromStep: snapshot.steps, lost: lost.map(({ worker }) => worker), workers: workers.length, seconds: (performance.now() - begin) / 1000 });
  }

  async #evaluate(): Promise<void> {
    const { dataset, model, sampler } = this.#setup;
    const step = this.#progress.steps;
    const begin = performance.now();
    const results = await this.#coordinator.evaluate();
    const loss = results.reduce((sum, one) => sum + one.loss, 0) / dataset.numValidation;
    const metric = model.score === null ? loss : results.reduce((sum, { score }) => sum + (score ?? 0), 0) / dataset.numValidation;
    this.#progress.validated(metric);
    const seconds = (performance.now() - begin) / 1000;
    this.#host.emit({ type: 'evaluation', step, epoch: step / sampler.stepsPerEpoch, loss, metric, metricName: model.metric.name, samples: dataset.numValidation, seconds });
  }

  async #finish(): Promise<void> {
    const { model, dataset, config } = this.#setup;
    if (this.#progress.metric?.step !== this.#progress.steps && dataset.numValidation > 0) await this.#evaluate();
    const { weightsSha256, path } = await this.#saveLast();
    const isInterrupted = this.#host.signal.aborted;
    const wallSeconds = (performance.now() - this.#startedAt) / 1000;
    if (!isInterrupted && config.breakdown) await this.#breakDown();
    if (!isInterrupted && this.#host.quickstart === true) this.#host.emit(writeSample(path, this.#setup));
    const { steps, samplesSeen, finalLoss, trainSeconds, lossSha256 } = this.#progress;
    const metric = { name: model.metric.name, value: this.#progress.metric?.value ?? Number.NaN };
    this.#host.emit({ type: 'run.finished', steps, samplesSeen, finalLoss, metric, wallSeconds, trainSeconds, weightsSha256, lossSha256, isInterrupted });
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

  /** A checkpoint on the way: training stands still while the state is copied, and goes on while the copy is written. */
  async #checkpoint(): Promise<void> {
    const begin = performance.now();
    // More checkpoints than the disk can take: training waits, and the event says for how long.
    await this.#checkpointer.idle();
    const state = runState(this.#setup, this.#plan, this.#progress, this.#freezer);
    const copy = await this.#coordinator.copyState();
    if (copy === null) await this.#checkpointer.write(state, this.#coordinator.liveState());
    else this.#checkpointer.start(state, copy, performance.now() - begin);
  }

  /** The last checkpoint of the run; nothing goes on meanwhile. */
  async #saveLast(): Promise<SavedCheckpoint> {
    await this.#checkpointer.idle();
    const saved = await this.#checkpointer.write(runState(this.#setup, this.#plan, this.#progress, this.#freezer), this.#coordinator.liveState());
    if (saved === null) throw notSaved(this.#host.runFolder.checkpointsPath);
    return saved;
  }

  #learningRateAt(step: number): number {
    const { totalSteps, sampler, config } = this.#setup;
    const epochs = config.epochs ?? totalSteps / sampler.stepsPerEpoch;
    return this.#learningRate({ step, steps: totalSteps, epoch: Math.floor(step / sampler.stepsPerEpoch), epochs });
  }

  /** One copy of parameters, optimizer states, gradient and reduced gradient is the least any plan needs. */
  #requireMemory(): void {
    const { layouts, model, config } = this.#setup;
    const floats = layouts.reduce((sum, { length }) => sum + length, 0);
    this.#coordinator.memoryFolder.require(4 * floats * (3 + stateCount(optimizerSpec(config))), `the model ${model.name} (${floats} parameters)`);
  }

  get #plan(): Plan {
    return present(this.#adopted, 'plan');
  }

  #reportCache(plan: Plan, step: number, reason: string): void {
    const { dataset, microBatch } = this.#setup;
    const recordBytes = present(this.#costs[plan.frozen - 1], 'cost').outputBytes / microBatch;
    const capacity = plan.usesCache ? dataset.numTrain + dataset.numValidation : 0;
    this.#host.emit({ type: 'cache.changed', step, state: plan.usesCache ? 'on' : 'off', depth: plan.frozen, recordBytes, capacity, reason });
  }

  /** The files of levels that no plan reads any more; their memory goes when the workers have unmapped them. */
  #removeOldCaches(plan: Plan): void {
    for (let depth = 1; depth < plan.frozen; depth++) if (depth !== plan.previousCacheDepth) this.#coordinator.removeCache(depth);
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
    const event: RunEventBody = { type: 'cache.changed', step: this.#progress.steps, state: 'off', depth: this.#adopted?.frozen ?? 0, recordBytes: 0, capacity: 0, reason: `worker ${worker}: ${report.reason}` };
    this.#host.emit(event);
  }
}
