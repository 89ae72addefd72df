// The simulator: a whole training on hardware that need not be there: freeze policy, plan, step time, cache and
// transition, epoch by epoch. A prediction from formulas; docs/simulate.md says what they are and what they leave out.
import { countLayers, frozenBlocks } from '../../freeze/layers.js';
import type { FreezePolicy } from '../../freeze/policy.js';
import { sumCosts } from '../../pipeline/costs.js';
import type { GrowEntry } from '../growth/schedule.js';
import {
  type CacheEpoch,
  type CacheState,
  EMPTY_CACHE,
  ourCache,
  ourRates,
  paperCache,
  paperRates,
  recordBytes,
} from './cache.js';
import { type HardwareProfile, usableBytes } from './hardware.js';
import { simulatedCosts, type SimulatedModel } from './model.js';
import { ourShape, paperShape, shapeTime, type SimulatedShape } from './shape.js';
import { ourTransitionSeconds, paperTransitionSeconds } from './transition.js';

export type SimulationRules = 'paper' | 'pipetrain';

/** The work that is simulated. */
export interface SimulatedTraining {
  readonly epochs: number;
  readonly samples: number;
  /** Samples per step at the start, over all replicas. */
  readonly batch: number;
  /** pipetrain: samples per micro-batch. The paper's table decides for itself. */
  readonly microBatch: number;
}

export interface SimulationOptions {
  readonly model: SimulatedModel;
  readonly hardware: HardwareProfile;
  readonly rules: SimulationRules;
  /** Asked once per epoch; must not need gradients. */
  readonly freeze: FreezePolicy;
  /** Most layers that may freeze. Default: all, as in the paper. */
  readonly freezeMax?: number;
  /** pipetrain: from which epoch the model has how many layers, the first for epoch 0. Default: all from the start. */
  readonly grow?: readonly GrowEntry[];
  readonly training: SimulatedTraining;
  /** pipetrain: a pipeline length to keep, or null. */
  readonly fixedK: number | null;
  /** Bytes of cache per machine, which only the rules of pipetrain hold to; null for no cache. */
  readonly cacheBytes: number | null;
}

export interface SimulatedEpoch extends Omit<SimulatedShape, 'costs'> {
  readonly epoch: number;
  /** Layers that there are. */
  readonly layers: number;
  readonly frozenLayers: number;
  readonly frozen: number;
  readonly cache: CacheEpoch['mode'];
  readonly stepMs: number;
  /** Of it: the frozen part where it comes before the pipeline, gradient exchange. */
  readonly frozenMs: number;
  readonly exchangeMs: number;
  /** Idle share of the devices of a pipeline while it runs, the frozen part included. */
  readonly bubble: number;
  readonly samplesPerSecond: number;
  readonly steps: number;
  /** In steps. */
  readonly seconds: number;
  /** Before the epoch, to get into its shape. */
  readonly transitionSeconds: number;
}

export interface SimulatedRun {
  readonly rules: SimulationRules;
  readonly epochs: readonly SimulatedEpoch[];
  /** In steps, without transitions. */
  readonly computeSeconds: number;
  readonly transitionSeconds: number;
  readonly transitions: number;
  /** Over the whole run, in steps. */
  readonly samplesPerSecond: number;
  /** True where a stage needs more than a device has; only the rules of the paper let that happen. */
  readonly exceedsMemory: boolean;
}

/** What the figures leave out; docs/simulate.md says more. */
export const NOT_MODELLED: readonly string[] = [
  'loading and augmentation of data, validation passes, checkpoints, the start of processes and compilation',
  'overlap of the gradient exchange with the backward, latency of messages, traffic of others, slow or failing devices',
  'the host: one Python process that drives all devices of a pipeline (the paper), threads, interpreter ' +
    'locks; allocator fragmentation',
  'effects of the batch on the speed of matrix products, and the input gradient that the lowest active block ' +
    'does not need',
  'accuracy: what freezing and larger batches do to the result',
];

/** Predicts a run. Throws a UsageError where our planner finds no shape that fits. */
export function simulateTraining(options: SimulationOptions): SimulatedRun {
  const { hardware, training } = options;
  const numEpochs = training.epochs;
  const epochs: SimulatedEpoch[] = [];
  let cache = EMPTY_CACHE;
  for (let epoch = 0; epoch < numEpochs; epoch++) {
    const last = epochs.at(-1);
    const model = modelAt(options, epoch);
    // Nothing freezes before the model is whole.
    const isWhole = model.blocks.length === options.model.blocks.length;
    const frozenLayers = epoch === 0 || !isWhole ? 0 : decide(options, epoch, last?.frozenLayers ?? 0);
    const { state, result } = simulateEpoch({ ...options, model }, epoch, frozenLayers, last, cache);
    cache = state;
    epochs.push(result);
  }
  const computeSeconds = epochs.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    rules: options.rules,
    epochs,
    computeSeconds,
    transitionSeconds: epochs.reduce((sum, epoch) => sum + epoch.transitionSeconds, 0),
    transitions: epochs.filter(({ K, R }, e) => e > 0 && (K !== epochs[e - 1]?.K || R !== epochs[e - 1]?.R)).length,
    samplesPerSecond: (training.samples * numEpochs) / computeSeconds,
    exceedsMemory: epochs.some(({ memoryPerWorker }) => Math.max(...memoryPerWorker) > usableBytes(hardware)),
  };
}

/** The model as it has grown until an epoch. */
function modelAt({ model, grow = [] }: SimulationOptions, epoch: number): SimulatedModel {
  const layers = grow.findLast(({ step }) => step <= epoch)?.layers ?? Infinity;
  return { ...model, blocks: model.blocks.filter(({ layer }) => layer === null || layer < layers) };
}

function decide(
  { model, freeze, freezeMax, training: { samples, batch, epochs } }: SimulationOptions,
  interval: number,
  frozenLayers: number,
): number {
  const numLayers = countLayers(model.blocks);
  return freeze.decide({
    interval,
    step: interval * Math.ceil(samples / batch),
    totalSteps: epochs * Math.ceil(samples / batch),
    numSamples: samples,
    // What no gradient is known of teaches evenly.
    learningLeft: 1 - interval / epochs,
    learningSamples: samples * epochs,
    frozenLayers,
    numLayers,
    layerNorms: [],
    previousNorms: [],
    maxLayers: freezeMax ?? numLayers,
  }).layers;
}

function simulateEpoch(
  options: SimulationOptions,
  epoch: number,
  frozenLayers: number,
  last: SimulatedEpoch | undefined,
  before: CacheState,
): { state: CacheState; result: SimulatedEpoch } {
  const { model, hardware, rules, training } = options;
  const frozen = frozenBlocks(model.blocks, frozenLayers);
  const cached =
    options.cacheBytes === null || frozen === 0
      ? null
      : cacheOf(options, options.cacheBytes, { epoch, frozen, frozenLayers }, last, before);
  const shape =
    rules === 'paper'
      ? paperShape({ model, hardware, frozen, pipelineBatch: pipelineBatchOf(options) })
      : planned(options, frozen, last, cached, training.epochs - epoch);
  const forwardMs = frozen === 0 ? 0 : sumCosts(shape.costs, 0, frozen).forwardMs;
  const frozenMs = cached === null || cached.mode === 'off' ? forwardMs : cached.sampleMs * shape.microBatch;

  // The released code sends the whole batch of a pipeline through the frozen part before the pipeline starts; ours does
  // it micro-batch by micro-batch on the first stage.
  const serialMs = rules === 'paper' ? frozenMs * shape.micros : 0;
  const time = shapeTime(model, hardware, shape, rules === 'paper' ? 0 : frozenMs);
  const stepMs = serialMs + time.pipelineMs + time.afterMs;
  const busyMs = serialMs + time.busyMs.reduce((sum, ms) => sum + ms, 0);
  const steps = Math.ceil(training.samples / shape.batch);
  const { costs: _costs, ...shown } = shape;
  const result: SimulatedEpoch = {
    ...shown,
    epoch,
    layers: countLayers(model.blocks),
    frozenLayers,
    frozen,
    cache: cached?.mode ?? 'off',
    stepMs,
    frozenMs: serialMs,
    exchangeMs: time.exchangeMs,
    bubble: Math.max(0, 1 - busyMs / (shape.K * (serialMs + time.pipelineMs))),
    samplesPerSecond: (shape.batch / stepMs) * 1000,
    steps,
    // A last batch that is not full takes its share: whole steps would make long epochs of large batches look better or
    // worse by chance.
    seconds: ((training.samples / shape.batch) * stepMs) / 1000,
    transitionSeconds:
      last === undefined
        ? 0
        : (rules === 'paper' ? paperTransitionSeconds : ourTransitionSeconds)({
            from: last,
            to: shape,
            frozenChanged: last.frozen !== frozen,
            hardware,
          }),
  };
  return { state: cached?.state ?? before, result };
}

const meanMs = (nowMs: number, laterMs: number, epochs: number): number => (nowMs + (epochs - 1) * laterMs) / epochs;

const pipelineBatchOf = ({ training, hardware }: SimulationOptions): number => training.batch / hardware.machines;

/**
 * The shape of ours for what an epoch with this cache will cost on the average of the epochs left: one that fills or
 * reads now, the others read.
 */
function planned(
  options: SimulationOptions,
  frozen: number,
  last: SimulatedEpoch | undefined,
  cached: CacheEpoch | null,
  epochsLeft: number,
): SimulatedShape {
  const { model, hardware, fixedK } = options;
  const { batch, microBatch } = options.training;
  const active = model.blocks.length - frozen;
  return ourShape({
    model,
    hardware,
    frozen,
    batch,
    microBatch,
    cacheReadMs:
      cached === null || cached.steadyMs === null
        ? null
        : meanMs(cached.sampleMs, cached.steadyMs, epochsLeft) * microBatch,
    fixedK: fixedK === null ? null : Math.min(fixedK, active),
    // A model that has grown may need a longer pipeline.
    maxK: last === undefined || last.layers < countLayers(model.blocks) ? null : last.K,
  });
}

function cacheOf(
  options: SimulationOptions,
  cacheBytes: number,
  { epoch, frozen, frozenLayers }: { readonly epoch: number; readonly frozen: number; readonly frozenLayers: number },
  last: SimulatedEpoch | undefined,
  before: CacheState,
): CacheEpoch {
  const { model, hardware, rules } = options;
  const { samples, epochs, microBatch } = options.training;
  // Per sample at the micro-batch of the run; the paper's own micro-batch differs little in time per sample.
  const costs = simulatedCosts(model, hardware, microBatch);
  const bytes = recordBytes(model, frozen);
  const request = {
    model,
    frozen,
    frozenLayers,
    forwardMs: (from: number, to: number): number => sumCosts(costs, from, to).forwardMs / microBatch,
    rates: rules === 'paper' ? paperRates(bytes) : ourRates(hardware, bytes, (last?.R ?? 1) / hardware.machines),
    samples,
    epochsLeft: epochs - epoch,
    capBytes: cacheBytes * hardware.machines,
    before,
  };
  return rules === 'paper' ? paperCache(request, hardware) : ourCache(request);
}
