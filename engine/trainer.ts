// Trainer: the loop of a run. It lets the coordinator do steps, validates, asks the freezer, makes workers adopt new plans, and saves. Every decision
// it takes is an event. It computes nothing itself.
import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { BlockCost } from '../pipeline/costs.js';
import { measureBreakdown } from './breakdown.js';
import { beginCheckpoint, commitCheckpoint, weightsSha256 } from './checkpoint.js';
import type { TrainConfig } from './config.js';
import { Coordinator } from './coordinator.js';
import { NonFiniteError } from './core/errors.js';
import { present } from './core/invariant.js';
import { cacheFile } from './dp/memory-names.js';
import { durationInSteps } from './duration.js';
import { Freezer } from './freezer.js';
import { writeSample } from './generate.js';
import { compileLearningRate } from './learning-rate.js';
import type { Report } from './messages.js';
import { optimizerSpec } from './optimizer-spec.js';
import { shapeOf, type Plan } from './plan.js';
import { Replanner, type Planned } from './replanner.js';
import { setUpRun, type RunSetup } from './run-setup.js';
import { assembleStep, clipScale, type StepResult } from './step-result.js';
import { stateCount } from './tensor/optimizer.js';
import type { TrainHost } from './train-host.js';
import { VERSION } from './version.js';

/** Trains as the configuration says. Rejects with the root cause; whatever happens, no process and no shared memory is left. */
export async function runTraining(config: TrainConfig, host: TrainHost): Promise<void> {
  const trainer = new Trainer(await setUpRun(config), host);
  try {
    await trainer.train();
  } finally {
    await trainer.close();
  }
}

class Trainer {
  readonly #setup: RunSetup;
  readonly #host: TrainHost;
  readonly #coordinator: Coordinator;
  readonly #freezer: Freezer;
  readonly #learningRate: ReturnType<typeof compileLearningRate>;
  readonly #losses: number[] = [];
  readonly #startedAt = performance.now();
  #replanner: Replanner | null = null;
  #trainSeconds = 0;
  #samplesSeen = 0;
  #metric = { step: -1, value: Number.NaN };
  #isCacheOff = false;
  #adopted: Plan | null = null;
  #costs: readonly BlockCost[] = [];

  constructor(setup: RunSetup, host: TrainHost) {
    this.#setup = setup;
    this.#host = host;
    this.#freezer = new Freezer(setup);
    this.#learningRate = compileLearningRate(setup.config.lr, setup.config.warmup);
    const { config, workers, microBatch } = setup;
    this.#coordinator = new Coordinator({ config, workers, microBatch, onReport: (report, worker) => this.#note(report, worker) });
    process.on('exit', this.#abort);
  }

  async train(): Promise<void> {
    const { totalSteps, sampler, config } = this.#setup;
    this.#host.emit(this.#startEvent());
    this.#requireMemory();
    for (const { worker, pid, device } of await this.#coordinator.launch()) this.#host.emit({ type: 'worker.joined', worker, pid, device });
    this.#replanner = new Replanner({ ...this.#setup, ...(await this.#measureCosts()), numSamples: this.#setup.dataset.numTrain + this.#setup.dataset.numValidation });
    await this.#adopt(this.#replanner.next({ frozen: 0, frozenLayers: 0, epochsLeft: this.#epochsLeft(0), because: 'the run starts' }), 0);

    const evaluationInterval = durationInSteps(config.evalEvery, sampler.stepsPerEpoch);
    let step = 0;
    while (step < totalSteps && !this.#host.signal.aborted) {
      const isBoundary = (done: number): boolean => done % evaluationInterval === 0 || this.#freezer.isDue(done);
      step = await this.#runSteps(step, isBoundary);
      if (step % evaluationInterval === 0 && step < totalSteps) await this.#evaluate(step);
      if (this.#freezer.isDue(step) && step < totalSteps) await this.#freeze(step);
    }
    await this.#finish(step);
  }

  async close(): Promise<void> {
    process.off('exit', this.#abort);
    await this.#coordinator.close();
  }

  /** One copy of parameters, optimizer states, gradient and reduced gradient is the least any plan needs. */
  #requireMemory(): void {
    const { layouts, model, config } = this.#setup;
    const floats = layouts.reduce((sum, { length }) => sum + length, 0);
    this.#coordinator.memoryFolder.require(4 * floats * (3 + stateCount(optimizerSpec(config))), `the model ${model.name} (${floats} parameters)`);
  }

  /** For an exit that does not wait: a second signal, or an exception nobody caught. */
  readonly #abort = (): void => this.#coordinator.abort();

  /** Runs steps from `first` on until a boundary, the end, or a request to stop; returns the number of steps done then. */
  async #runSteps(first: number, isBoundary: (stepsDone: number) => boolean): Promise<number> {
    this.#coordinator.start(first);
    let begin = performance.now();
    for (let step = first; ; step++) {
      const result = await this.#awaitStep(step);
      const done = step + 1;
      const goesOn = done < this.#setup.totalSteps && !isBoundary(done) && !this.#host.signal.aborted;
      const learningRate = this.#learningRateAt(step);
      await this.#coordinator.commit(step, { learningRate, gradientScale: clipScale(result.gradNorm, this.#setup.config.clip), updateCount: done }, goesOn);
      const now = performance.now();
      this.#record(step, result, learningRate, (now - begin) / 1000);
      begin = now;
      if (!goesOn) return done;
    }
  }

  async #awaitStep(step: number): Promise<StepResult> {
    const { model } = this.#setup;
    const reports = await this.#coordinator.stepReports();
    const result = assembleStep(reports.values(), model.blocks.length, this.#plan.numMicroBatches);
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
    const { ids, epoch } = this.#setup.sampler.batchAt(step);
    const samples = ids.filter((id) => id >= 0).length;
    const plan = this.#plan;
    const { K, R } = shapeOf(plan);
    const seated = plan.replicas.reduce((sum, { stages }) => sum + stages.length, 0);
    this.#losses.push(result.loss);
    this.#samplesSeen += samples;
    this.#trainSeconds += seconds;
    this.#freezer.observe(result.blockNorms);
    this.#host.emit({
      type: 'step',
      step,
      epoch,
      loss: result.loss,
      lr,
      gradNorm: result.gradNorm,
      samples,
      seconds,
      generation: plan.generation,
      frozen: plan.frozen,
      K,
      R,
      cacheHits: result.cacheHits,
      cacheMisses: result.cacheMisses,
      bubbleShare: Math.min(1, result.waitMs / (seated * seconds * 1000)),
      commShare: Math.min(1, result.reduceMs / (seated * seconds * 1000)),
      peakMb: result.peakMb,
    });
  }

  async #freeze(stepsDone: number): Promise<void> {
    const before = this.#freezer.blocks;
    const event = this.#freezer.decide(stepsDone);
    if (event !== null) this.#host.emit(event);
    if (this.#freezer.blocks === before) return;
    const planned = present(this.#replanner, 'replanner').next({
      frozen: this.#freezer.blocks,
      frozenLayers: this.#freezer.layers,
      epochsLeft: this.#epochsLeft(stepsDone),
      because: `${this.#freezer.layers} layers are frozen`,
    });
    await this.#adopt(planned, stepsDone);
  }

  /** Makes the workers adopt a plan and tells what it cost. */
  async #adopt({ plan, event, cacheReason }: Planned, step: number): Promise<void> {
    const before = this.#adopted;
    const begin = performance.now();
    this.#host.emit(event);
    const { movedBytes } = await this.#coordinator.adopt(plan);
    this.#adopted = plan;
    if (before !== null) {
      const seconds = (performance.now() - begin) / 1000;
      this.#host.emit({ type: 'transition', step, generation: plan.generation, from: shapeOf(before), to: shapeOf(plan), frozen: plan.frozen, seconds, movedBytes });
      this.#removeOldCaches(plan);
    }
    if (plan.frozen > 0) this.#reportCache(plan, step, cacheReason);
  }

  get #plan(): Plan {
    return present(this.#adopted, 'plan');
  }

  #reportCache(plan: Plan, step: number, reason: string): void {
    const { dataset, microBatch } = this.#setup;
    const recordBytes = present(this.#costs[plan.frozen - 1], 'cost').outputBytes / microBatch;
    this.#host.emit({
      type: 'cache.changed',
      step,
      state: plan.usesCache ? 'on' : 'off',
      depth: plan.frozen,
      recordBytes,
      capacity: plan.usesCache ? dataset.numTrain + dataset.numValidation : 0,
      reason,
    });
  }

  /** The files of levels that no plan reads any more; their memory goes when the workers have unmapped them. */
  #removeOldCaches(plan: Plan): void {
    for (let depth = 1; depth < plan.frozen; depth++)
      if (depth !== plan.previousCacheDepth) this.#coordinator.memoryFolder.remove(cacheFile(this.#coordinator.memoryFolder.path, depth));
  }

  async #evaluate(step: number): Promise<void> {
    const { dataset, model, sampler } = this.#setup;
    const begin = performance.now();
    const results = await this.#coordinator.evaluate();
    const loss = results.reduce((sum, one) => sum + one.loss, 0) / dataset.numValidation;
    const metric = model.score === null ? loss : results.reduce((sum, { score }) => sum + (score ?? 0), 0) / dataset.numValidation;
    this.#metric = { step, value: metric };
    const seconds = (performance.now() - begin) / 1000;
    this.#host.emit({ type: 'evaluation', step, epoch: step / sampler.stepsPerEpoch, loss, metric, metricName: model.metric.name, samples: dataset.numValidation, seconds });
  }

  async #finish(step: number): Promise<void> {
    const { model, dataset } = this.#setup;
    if (this.#metric.step !== step && dataset.numValidation > 0) await this.#evaluate(step);
    const { sha256, path } = await this.#save(step);
    const isInterrupted = this.#host.signal.aborted;
    const wallSeconds = (performance.now() - this.#startedAt) / 1000;
    if (!isInterrupted && this.#setup.config.breakdown) {
      const breakdown = await measureBreakdown(this.#setup, this.#coordinator, present(this.#replanner, 'replanner'));
      if (breakdown !== null) this.#host.emit(breakdown);
    }
    if (!isInterrupted && this.#host.quickstart === true) this.#host.emit(writeSample(path, this.#setup));
    this.#host.emit({
      type: 'run.finished',
      steps: step,
      samplesSeen: this.#samplesSeen,
      finalLoss: this.#losses.at(-1) ?? Number.NaN,
      metric: { name: model.metric.name, value: this.#metric.value },
      wallSeconds,
      trainSeconds: this.#trainSeconds,
      weightsSha256: sha256,
      lossSha256: createHash('sha256').update(new Uint8Array(Float32Array.from(this.#losses).buffer)).digest('hex'),
      isInterrupted,
    });
  }

  async #save(step: number): Promise<{ sha256: string; path: string }> {
    const { config, dataset, model } = this.#setup;
    const begin = performance.now();
    const path = join(this.#host.runFolder.checkpointsPath, `step-${String(step).padStart(8, '0')}`);
    const folder = beginCheckpoint(path);
    const files = await this.#coordinator.save(folder);
    const sha256 = weightsSha256(folder, model);
    commitCheckpoint(folder, path, {
      format: 'pipetrain-checkpoint-1',
      step,
      samplesSeen: this.#samplesSeen,
      seed: config.seed,
      frozenLayers: this.#freezer.layers,
      config,
      plan: this.#plan,
      dataDigest: dataset.digest,
      weightsSha256: sha256,
      files,
    });
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    this.#host.emit({ type: 'checkpoint.saved', step, path, bytes, seconds: (performance.now() - begin) / 1000 });
    return { sha256, path };
  }

  async #measureCosts(): Promise<{ costs: readonly BlockCost[]; readMsPerMb: number; updateMsPerMb: number }> {
    const { model, layouts, config } = this.#setup;
    const begin = performance.now();
    const { blocks, readMsPerMb, updateMsPerMb } = await this.#coordinator.measureCosts();
    const numStates = stateCount(optimizerSpec(config));
    this.#costs = blocks.map((cost, index) => {
      const bytes = 4 * present(layouts[index], 'layout').length;
      return { ...cost, name: present(model.blocks[index], 'block').name, parameterBytes: bytes, gradientBytes: bytes, optimizerBytes: bytes * numStates };
    });
    this.#host.emit({
      type: 'costs.measured',
      isCached: false,
      seconds: (performance.now() - begin) / 1000,
      blocks: this.#costs.map(({ name, forwardMs, backwardMs, parameterBytes, savedBytes, outputBytes }) => ({ name, forwardMs, backwardMs, parameterBytes, savedBytes, outputBytes })),
    });
    return { costs: this.#costs, readMsPerMb, updateMsPerMb };
  }

  #learningRateAt(step: number): number {
    const { totalSteps, sampler, config } = this.#setup;
    const epochs = config.epochs ?? totalSteps / sampler.stepsPerEpoch;
    return this.#learningRate({ step, steps: totalSteps, epoch: Math.floor(step / sampler.stepsPerEpoch), epochs });
  }

  #epochsLeft(stepsDone: number): number {
    return (this.#setup.totalSteps - stepsDone) / this.#setup.sampler.stepsPerEpoch;
  }

  #note(report: Report, worker: string): void {
    if (report.type !== 'cache-off' || this.#isCacheOff) return;
    this.#isCacheOff = true;
    this.#host.emit({ type: 'cache.changed', step: this.#losses.length, state: 'off', depth: this.#adopted?.frozen ?? 0, recordBytes: 0, capacity: 0, reason: `worker ${worker}: ${report.reason}` });
  }

  #startEvent(): Parameters<TrainHost['emit']>[0] {
    const { config, model, layouts, dataset, sampler, totalSteps, microBatch } = this.#setup;
    return {
      type: 'run.started',
      version: VERSION,
      model: model.name,
      data: dataset.source,
      seed: config.seed,
      blocks: model.blocks.map(({ name, kind, layer }, index) => ({ name, kind, layer, parameters: present(layouts[index], 'layout').numParameters })),
      numTrain: dataset.numTrain,
      numValidation: dataset.numValidation,
      stepsPlanned: totalSteps,
      stepsPerEpoch: sampler.stepsPerEpoch,
      batch: config.batch,
      microBatch,
      machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} cores`,
      metricName: model.metric.name,
      higherIsBetter: model.metric.higherIsBetter,
    };
  }
}
