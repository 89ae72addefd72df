// FrozenPrefix: brings the output of the frozen blocks for a micro-batch, from the cache where it is there, else by
// computing it. The same bits either way: what is missing is computed at the full height of the micro-batch. It is
// stateless but for the cache and its buffers.
import type { ActivationCache } from '../../cache/activation-cache.js';
import { type CacheCodec, throughCodec } from '../../cache/codec.js';
import { EXIT, PipetrainError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { Dataset } from '../data/dataset.js';
import type { ParameterSlabs } from '../model/slab.js';
import type { StageCompiler } from '../model/stage-compiler.js';
import { StandaloneProgram } from '../model/standalone-program.js';
import { roundToBfloat16, widenBfloat16 } from '../tensor/bfloat16.js';
import type { Executor } from '../tensor/executor.js';
import type { HostArray } from '../tensor/shape.js';

/** How the activations of the frozen blocks are kept. */
export interface PrefixRecords {
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

export interface FrozenPrefixOptions {
  readonly executor: Executor;
  readonly compiler: StageCompiler;
  readonly dataset: Dataset;
  readonly parameters: ParameterSlabs;
  /** Blocks [0, frozen). */
  readonly frozen: number;
  readonly microBatch: number;
  readonly records: PrefixRecords;
}

export class FrozenPrefix {
  readonly #options: FrozenPrefixOptions;
  /** All frozen blocks, and those above the level before where there is one. */
  readonly #whole: StandaloneProgram;
  readonly #rest: StandaloneProgram | null;
  /** Where activations are put together that leave as bfloat16. */
  #wide: Float32Array | null = null;
  hits = 0;
  misses = 0;
  /** Milliseconds in the cache: reading and writing, without what was computed. */
  cacheMs = 0;

  constructor(options: FrozenPrefixOptions) {
    invariant(options.frozen > 0, () => 'a prefix of no blocks');
    this.#options = options;
    const { executor, compiler, parameters, frozen, microBatch, records } = options;
    const from = (block: number): StandaloneProgram =>
      new StandaloneProgram(executor, compiler.prefix(block, frozen, microBatch), parameters);
    this.#whole = from(0);
    const continued = records.cache?.previousDepth ?? null;
    this.#rest = continued === null ? null : from(continued);
  }

  /** Writes the activations of `ids` (-1 is padding) into `out`, shape [microBatch, ...]. */
  load(ids: Int32Array, out: HostArray): void {
    if (!(out instanceof Uint16Array)) return this.#load(ids, out as Float32Array);
    const wide = (this.#wide ??= new Float32Array(out.length));
    this.#load(ids, wide);
    roundToBfloat16(wide, out);
  }

  /** Parameters of these blocks have changed, as those do that blocks share which are not frozen. */
  refresh(): void {
    this.#whole.refresh();
    this.#rest?.refresh();
  }

  close(): void {
    this.#whole.close();
    this.#rest?.close();
    this.#options.records.cache?.close();
  }

  #load(ids: Int32Array, out: Float32Array): void {
    const { cache, codec, verifies } = this.#options.records;
    const firstReal = ids.findIndex((id) => id >= 0);
    if (cache === null || firstReal < 0) {
      this.#compute(ids, out);
      return;
    }
    const { hits, missing } = this.#timed(() => cache.load(ids, out));
    this.hits += hits;
    this.misses += missing.length;
    if (verifies && hits > 0) this.#verify(ids, out, missing);
    const rowLength = out.length / ids.length;
    if (missing.length > 0) {
      const from = this.#computeMissing(cache, ids, missing);
      this.#timed(() => cache.store(ids, missing, from));
      for (const row of missing) {
        out.set(from.subarray(row * rowLength, (row + 1) * rowLength), row * rowLength);
        throughCodec(codec, out, row, rowLength);
      }
    }
    // Padding repeats the first real sample when it is computed (see micro-batch.ts), so it must when it is read.
    for (const [row, id] of ids.entries())
      if (id < 0) out.copyWithin(row * rowLength, firstReal * rowLength, (firstReal + 1) * rowLength);
  }

  #compute(ids: Int32Array, out: Float32Array): void {
    out.set(this.#run(this.#whole, ids));
    const { codec } = this.#options.records;
    for (let row = 0; row < ids.length; row++) throughCodec(codec, out, row, out.length / ids.length);
  }

  /** Tells which samples will be asked for next. */
  prefetch(ids: Int32Array): void {
    this.#options.records.cache?.prefetch(ids);
  }

  /**
   * The activations of a micro-batch of which some rows are missing: continued from the level before where that has all
   * of them.
   */
  #computeMissing(cache: ActivationCache, ids: Int32Array, missing: readonly number[]): Float32Array {
    const input = this.#rest?.input ?? null;
    if (this.#rest !== null && input !== null) {
      const rows = input instanceof Uint16Array ? new Float32Array(input.length) : input;
      const isThere = this.#timed(() => cache.loadPrevious(ids, missing, rows)).missing.length === 0;
      if (input instanceof Uint16Array) roundToBfloat16(rows, input);
      if (isThere) return this.#run(this.#rest, ids);
    }
    return this.#run(this.#whole, ids);
  }

  /** Computes the activations of `ids` as they are before any codec; overwritten by the next run. */
  #run(program: StandaloneProgram, ids: Int32Array): Float32Array {
    program.fillFields(this.#options.dataset, ids, 1);
    program.run();
    const { output } = program;
    if (!(output instanceof Uint16Array)) return output;
    const wide = new Float32Array(output.length);
    widenBfloat16(output, wide);
    return wide;
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
    const computed = this.#run(this.#whole, ids);
    const { codec } = this.#options.records;
    const rowLength = out.length / ids.length;
    for (const [row, id] of ids.entries()) {
      if (id < 0 || missing.includes(row)) continue;
      throughCodec(codec, computed, row, rowLength);
      for (let i = row * rowLength; i < (row + 1) * rowLength; i++)
        if (!Object.is(out[i], computed[i]))
          throw new PipetrainError(
            'PT_CACHE_MISMATCH',
            EXIT.internal,
            `the cached activation of sample ${id} differs from the recomputed one at element ` +
              `${i - row * rowLength}: ${out[i]} against ${computed[i]}`,
            'Train with --cache off and report this.',
          );
    }
  }
}
