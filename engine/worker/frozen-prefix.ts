// FrozenPrefix: brings the output of the frozen blocks for a micro-batch, from the cache where it is there, else by
// computing it. The same bits either way: what is missing is computed at the full height of the micro-batch. It is
// stateless but for the cache and its buffers.
import type { ActivationCache } from '../../cache/activation-cache.js';
import { type CacheCodec, throughCodec } from '../../cache/codec.js';
import { EXIT, PipetrainError } from '../core/errors.js';
import { invariant, present } from '../core/invariant.js';
import type { Dataset } from '../data/dataset.js';
import { fillField } from '../data/micro-batch.js';
import { entryView, type SlabLayout } from '../model/slab.js';
import type { StageCompiler } from '../model/stage-compiler.js';
import type { BoundProgram, Executor, LoadedProgram } from '../tensor/executor.js';
import { roleName } from '../tensor/program.js';
import { type HostArray, hostArray, sizeOf } from '../tensor/shape.js';

export interface FrozenPrefixOptions {
  readonly executor: Executor;
  readonly compiler: StageCompiler;
  readonly dataset: Dataset;
  readonly layouts: readonly SlabLayout[];
  readonly weights: (block: number) => Float32Array;
  readonly frozen: number;
  readonly microBatch: number;
  /** Null where nothing is cached. */
  readonly cache: ActivationCache | null;
  /**
   * How records are stored. What is computed passes through it too, so that it makes no difference which of the two
   * happened.
   */
  readonly codec: CacheCodec;
  /** Recompute every hit and compare. */
  readonly verifies: boolean;
}

/** A compiled run of frozen blocks with its buffers. */
class PrefixProgram {
  readonly #dataset: Dataset;
  readonly #loaded: LoadedProgram;
  readonly #bound: BoundProgram;
  readonly #fields: { readonly name: string; readonly data: HostArray }[] = [];
  readonly input: Float32Array | null = null;
  readonly output: Float32Array;

  constructor(options: FrozenPrefixOptions, from: number) {
    const { executor, compiler, dataset, layouts, weights, frozen, microBatch } = options;
    this.#dataset = dataset;
    const program = compiler.prefix(from, frozen, microBatch);
    this.#loaded = executor.load(program);
    this.output = new Float32Array(sizeOf(present(program.outputs[0], 'prefix output').shape));
    let input: Float32Array | null = null;
    const inputs = program.inputs.map((port) => {
      switch (port.role.kind) {
        case 'param': {
          const { block, name } = port.role;
          return entryView(
            weights(block),
            present(
              layouts[block]?.entries.find((entry) => entry.name === name),
              roleName(port.role),
            ),
          );
        }
        case 'field': {
          const data = hostArray(port.dtype, port.shape);
          this.#fields.push({ name: port.role.name, data });
          return data;
        }
        case 'activation':
          return (input = new Float32Array(sizeOf(port.shape)));
        default:
          throw new Error(`a frozen prefix has no input "${roleName(port.role)}"`);
      }
    });
    this.input = input;
    this.#bound = this.#loaded.bind(inputs, [this.output]);
  }

  run(ids: Int32Array): void {
    for (const { name, data } of this.#fields) fillField(this.#dataset, name, ids, data);
    this.#bound.run();
  }

  close(): void {
    this.#bound.free();
    this.#loaded.free();
  }
}

export class FrozenPrefix {
  readonly #options: FrozenPrefixOptions;
  readonly #whole: PrefixProgram;
  readonly #rest: PrefixProgram | null;
  hits = 0;
  misses = 0;
  /** Milliseconds in the cache: reading and writing, without what was computed. */
  cacheMs = 0;

  constructor(options: FrozenPrefixOptions) {
    invariant(options.frozen > 0, () => 'a prefix of no blocks');
    this.#options = options;
    this.#whole = new PrefixProgram(options, 0);
    const continued = options.cache?.previousDepth ?? null;
    this.#rest = continued === null ? null : new PrefixProgram(options, continued);
  }

  /** Writes the activations of `ids` (-1 is padding) into `out`, shape [microBatch, ...]. */
  load(ids: Int32Array, out: Float32Array): void {
    const { cache } = this.#options;
    const firstReal = ids.findIndex((id) => id >= 0);
    if (cache === null || firstReal < 0) {
      this.#compute(ids, out);
      return;
    }
    const { hits, missing } = this.#timed(() => cache.load(ids, out));
    this.hits += hits;
    this.misses += missing.length;
    if (this.#options.verifies && hits > 0) this.#verify(ids, out, missing);
    const rowLength = out.length / ids.length;
    if (missing.length > 0) {
      const from = this.#computeMissing(cache, ids, missing);
      this.#timed(() => cache.store(ids, missing, from));
      for (const row of missing) {
        out.set(from.subarray(row * rowLength, (row + 1) * rowLength), row * rowLength);
        throughCodec(this.#options.codec, out, row, rowLength);
      }
    }
    // Padding repeats the first real sample when it is computed (see micro-batch.ts), so it must when it is read.
    for (const [row, id] of ids.entries())
      if (id < 0) out.copyWithin(row * rowLength, firstReal * rowLength, (firstReal + 1) * rowLength);
  }

  close(): void {
    this.#whole.close();
    this.#rest?.close();
    this.#options.cache?.close();
  }

  #compute(ids: Int32Array, out: Float32Array): void {
    this.#whole.run(ids);
    out.set(this.#whole.output);
    for (let row = 0; row < ids.length; row++) throughCodec(this.#options.codec, out, row, out.length / ids.length);
  }

  /** Tells which samples will be asked for next. */
  prefetch(ids: Int32Array): void {
    this.#options.cache?.prefetch(ids);
  }

  /**
   * The activations of a micro-batch of which some rows are missing: continued from the level before where that has all
   * of them.
   */
  #computeMissing(cache: ActivationCache, ids: Int32Array, missing: readonly number[]): Float32Array {
    const input = this.#rest?.input ?? null;
    if (
      this.#rest !== null &&
      input !== null &&
      this.#timed(() => cache.loadPrevious(ids, missing, input)).missing.length === 0
    ) {
      this.#rest.run(ids);
      return this.#rest.output;
    }
    this.#whole.run(ids);
    return this.#whole.output;
  }

  #timed<T>(work: () => T): T {
    const begin = performance.now();
    try {
      return work();
    } finally {
      this.cacheMs += performance.now() - begin;
    }
  }

  #verify(ids: Int32Array, out: Float32Array, missing: readonly number[]): void {
    this.#whole.run(ids);
    const rowLength = out.length / ids.length;
    for (const [row, id] of ids.entries()) {
      if (id < 0 || missing.includes(row)) continue;
      throughCodec(this.#options.codec, this.#whole.output, row, rowLength);
      for (let i = row * rowLength; i < (row + 1) * rowLength; i++)
        if (!Object.is(out[i], this.#whole.output[i]))
          throw new PipetrainError(
            'PT_CACHE_MISMATCH',
            EXIT.internal,
            `the cached activation of sample ${id} differs from the recomputed one at element ` +
              `${i - row * rowLength}: ${out[i]} against ${this.#whole.output[i]}`,
            'Train with --cache off and report this.',
          );
    }
  }
}
