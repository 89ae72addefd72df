// Equipment: what a worker has once it knows what it trains: the subject, a device, and a place for the blocks it will
// hold. It is made once, outlives every plan, and knows of none. Where model, data and device come from is not its
// business: run-equipment.ts has that for a run.
import type { Dataset } from '../data/dataset.js';
import { Sampler } from '../data/sampler.js';
import { BlockStore } from '../dp/block-store.js';
import { ProcessMemory } from '../memory/process-memory.js';
import type { Block, Model } from '../model/block.js';
import { BlockTraces } from '../model/block-traces.js';
import { type SlabLayout, slabLayout } from '../model/slab.js';
import { StageCompiler } from '../model/stage-compiler.js';
import { BufferPool } from '../tensor/buffer-pool.js';
import type { Executor } from '../tensor/executor.js';
import type { Lanes } from '../tensor/jit/cpu-features.js';
import { Optimizer, type OptimizerSpec, stateLayouts } from '../tensor/optimizer.js';
import { type KeptResults, ProgramShelf } from '../tensor/program-shelf.js';
import { HostAdder, NativeAdder, type VectorAdder } from '../tensor/vector-adder.js';
import type { CacheSettings } from './cache-settings.js';
import { Prewarmer } from './prewarmer.js';
import type { WorkerMemory } from './worker-memory.js';

/** What is trained: a model on samples, in an order that follows from the seed. */
export interface Subject {
  readonly model: Model;
  /** Of the slab of every block. */
  readonly layouts: readonly SlabLayout[];
  readonly dataset: Dataset;
  readonly sampler: Sampler;
  readonly seed: number;
}

/** What computes, and the programs it computes with. */
export interface Device {
  readonly executor: ProgramShelf;
  readonly compiler: StageCompiler;
  readonly prewarmer: Prewarmer;
  readonly optimizer: Optimizer;
  readonly adder: VectorAdder;
  /** Lends the buffers of this worker. */
  readonly pool: BufferPool;
}

/** Where this worker keeps its tensors, and the blocks that lie there. */
export interface Place extends WorkerMemory {
  readonly worker: string;
  readonly store: BlockStore;
  readonly memory: ProcessMemory;
}

export interface Equipment {
  readonly subject: Subject;
  readonly device: Device;
  readonly place: Place;
  readonly cache: CacheSettings;
  close(): void;
}

/** What equipment is made of. */
export interface EquipmentParts {
  readonly worker: string;
  readonly memory: WorkerMemory;
  readonly subject: {
    readonly model: Model;
    readonly dataset: Dataset;
    /** Samples per step. */
    readonly batch: number;
    readonly seed: number;
    /** The blocks of the model with the values they start from, where these are not the model's own. */
    readonly initial?: readonly Block[];
  };
  readonly device: {
    /** Closed with the equipment. */
    readonly executor: Executor;
    /** Width of the vectors of machine code for updates and sums, null for none; the same bits with and without. */
    readonly lanes: Lanes | null;
    readonly poolBytes: number;
    /**
     * Whether gradients of row tables are kept by rows, which all workers of a run do or none; default: where the
     * executor computes in the host's memory. Where they are, everything lies there.
     */
    readonly keepsRows?: boolean;
  };
  readonly optimizer: OptimizerSpec;
  /** Programs and graphs of earlier runs, and what names the graphs of this model; null for none. */
  readonly kept: { readonly results: KeptResults | null; readonly identity: string | null };
  readonly cache: CacheSettings;
}

/** Puts equipment together; no block is held yet. Throws a UsageError (PT_OPTIMIZER) for settings that cannot train. */
export function assembleEquipment(parts: EquipmentParts): Equipment {
  const { worker, memory, kept, cache } = parts;
  const { model, dataset, batch, seed, initial = model.blocks } = parts.subject;
  const { lanes, poolBytes, keepsRows = parts.device.executor.memory === undefined } = parts.device;
  const { numTrain, numValidation, numViews } = dataset;
  const layouts = model.blocks.map(slabLayout);
  const executor = new ProgramShelf(parts.device.executor, kept.results, { usesMemory: !keepsRows });
  const traces = new BlockTraces(kept.results, kept.identity);
  const compiler = new StageCompiler(model, dataset.info, traces, keepsRows, executor.logSumExp);
  const adder = lanes === null ? new HostAdder() : new NativeAdder(lanes);
  const states = layouts.map((layout) => stateLayouts(parts.optimizer, layout));
  return {
    subject: {
      model,
      layouts,
      dataset,
      sampler: new Sampler({ numTrain, numValidation, numViews, batch, seed }),
      seed,
    },
    device: {
      executor,
      compiler,
      prewarmer: new Prewarmer(executor, compiler),
      optimizer: new Optimizer(parts.device.executor, parts.optimizer, { lanes }),
      adder,
      pool: new BufferPool(poolBytes),
    },
    place: {
      ...memory,
      worker,
      store: new BlockStore({ folder: memory.folder, worker, blocks: initial, layouts, stateLayouts: states, seed }),
      memory: new ProcessMemory(memory.folder, worker),
    },
    cache,
    close: () => {
      adder.free();
      executor.close();
    },
  };
}
