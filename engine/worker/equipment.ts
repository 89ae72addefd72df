// Equipment: what a worker has once it knows the run: model, data, device, memory and the blocks it will hold. It is
// made once and outlives every plan.
import { initialWeights } from '../checkpoint/initial-weights.js';
import { UsageError } from '../core/errors.js';
import { processorKind } from '../core/processor.js';
import type { Dataset } from '../data/dataset.js';
import { Sampler } from '../data/sampler.js';
import { BlockStore } from '../dp/block-store.js';
import { ProcessMemory } from '../memory/process-memory.js';
import type { Model } from '../model/block.js';
import { BlockTraces } from '../model/block-traces.js';
import { buildModel, loadModelDefinition } from '../model/load-model.js';
import { modelDigest } from '../model/model-digest.js';
import { type SlabLayout, slabLayout } from '../model/slab.js';
import { StageCompiler } from '../model/stage-compiler.js';
import type { OwnMeans } from '../protocol/invitation.js';
import type { Order } from '../protocol/messages.js';
import { deviceNumberOf } from '../run/devices.js';
import { builtInIdentity, openKeptResults } from '../run/kept-results.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import { openRunDataset } from '../run/run-dataset.js';
import { BufferPool } from '../tensor/buffer-pool.js';
import type { Executor } from '../tensor/executor.js';
import { missingForKernels, vectorLanes } from '../tensor/jit/cpu-features.js';
import { runsOnnx } from '../tensor/onnx-executor.js';
import { openExecutorOf } from '../tensor/open-executor.js';
import { Optimizer, stateCount } from '../tensor/optimizer.js';
import { ProgramShelf } from '../tensor/program-shelf.js';
import type { Shape } from '../tensor/shape.js';
import { HostAdder, NativeAdder, type VectorAdder } from '../tensor/vector-adder.js';
import { joinConfig, requireEqual, requireProcessor } from './join-setup.js';
import { Prewarmer } from './prewarmer.js';
import { memoryOf, type WorkerMemory } from './worker-memory.js';

export type Setup = Extract<Order, { type: 'setup' }>;

export interface Equipment extends WorkerMemory {
  readonly setup: Setup;
  readonly model: Model;
  readonly dataset: Dataset;
  readonly layouts: readonly SlabLayout[];
  readonly executor: ProgramShelf;
  readonly compiler: StageCompiler;
  readonly prewarmer: Prewarmer;
  readonly optimizer: Optimizer;
  readonly adder: VectorAdder;
  readonly store: BlockStore;
  readonly pool: BufferPool;
  readonly memory: ProcessMemory;
  readonly sampler: Sampler;
  /** Output shape of every block for one micro-batch. */
  readonly shapes: readonly Shape[];
  close(): void;
}

/**
 * Loads everything. `own` are the means of a worker that joins; null where the coordinator started it. Throws what
 * loading throws, and for one that joins PT_JOIN_MODEL, PT_JOIN_DATA, PT_JOIN_DEVICE, PT_JOIN_MEMORY and
 * PT_JOIN_MISMATCH.
 */
export async function equip(setup: Setup, worker: string, own: OwnMeans | null): Promise<Equipment> {
  const config = own === null ? setup.config : joinConfig(setup.config, own);
  if (own !== null && config.exact && own.executor !== setup.executor)
    throw new UsageError(
      'PT_JOIN_DEVICE',
      `this worker computes with ${own.executor}, the run with ${setup.executor}; their results would not be ` +
        'equal bit for bit',
      'Name a device of the same kind with --devices, or train with --fast.',
    );
  if (config.exact && setup.expects !== null) requireProcessor(processorKind(), setup.expects.processor);
  const definition = await loadModelDefinition(config.model);
  const dataset = openRunDataset(config, definition.dataDefaults);
  if (setup.expects !== null) requireEqual('data', config.data, dataset.digest, setup.expects.data);
  const model = buildModel(definition, config.modelOptions, dataset.info);
  if (setup.expects !== null)
    requireEqual('model', config.model, modelDigest(model, dataset.info, setup.microBatch), setup.expects.model);
  const layouts = model.blocks.map(slabLayout);
  const number = own === null ? deviceNumberOf(config.devices, worker) : own.deviceNumber;
  const device = await openExecutorOf(
    own?.executor ?? setup.executor,
    { threads: 1, kernels: setup.kernels ? 'auto' : 'off' },
    number,
  );
  requireKernels(device, setup);
  const kept = own === null ? openKeptResults(setup.programCache, config.programCacheMb) : null;
  const executor = new ProgramShelf(device, kept);
  const compiler = new StageCompiler(model, dataset.info, new BlockTraces(kept, builtInIdentity(config, dataset.info)));
  const spec = optimizerSpec(config);
  // A run that goes on is told nothing of what it started from, and who joins one is given its state.
  const { blocks } =
    own !== null || config.initFrom === '' ? model : initialWeights(model, config.initFrom, config.initStrict);
  const place = memoryOf(setup, worker, own);
  // The same bits with and without: whoever joins need not have them.
  const lanes = config.kernels === 'off' ? null : vectorLanes();
  const adder = lanes === null ? new HostAdder() : new NativeAdder(lanes);
  const { folder } = place;
  return {
    setup: { ...setup, config },
    model,
    dataset,
    layouts,
    executor,
    compiler,
    prewarmer: new Prewarmer(executor, compiler),
    optimizer: new Optimizer(device, spec, { lanes }),
    adder,
    store: new BlockStore({ folder, worker, blocks, layouts, numStates: stateCount(spec), seed: config.seed }),
    memory: new ProcessMemory(folder, worker),
    pool: new BufferPool(config.poolMb * 2 ** 20),
    shapes: compiler.outputShapes(setup.microBatch),
    sampler: new Sampler({
      numTrain: dataset.numTrain,
      numValidation: dataset.numValidation,
      numViews: dataset.numViews,
      batch: config.batch,
      seed: config.seed,
    }),
    ...place,
    close: () => {
      adder.free();
      executor.close();
    },
  };
}

/** In an exact run either all workers compute with our kernels or none does. */
function requireKernels(device: Executor, { kernels, config }: Setup): void {
  if (!kernels || !config.exact || (runsOnnx(device) && device.kernelThreads > 0)) return;
  device.close();
  throw new UsageError(
    'PT_JOIN_DEVICE',
    'the run computes with machine code that this worker cannot run: ' +
      `${missingForKernels() ?? 'its system forbids executable memory'}; its results would not be equal bit ` +
      'for bit',
    'Start the run with --kernels off, or train with --fast.',
  );
}
