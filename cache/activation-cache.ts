// ActivationCache: looks up the samples of a micro-batch in the store of the current depth, and in that of a smaller
// one where there is one. Another depth is another cache's business. It can only save work: whatever goes wrong in a
// store switches it off with a reason, and everything is a miss from then on.
import { messageOf } from '../engine/core/errors.js';
import type { ActivationTier } from './activation-tier.js';

export interface Lookup {
  readonly hits: number;
  /** Rows of samples that were not found, ascending; padding (id -1) is in neither. */
  readonly missing: readonly number[];
}

export interface CacheOptions {
  readonly current: ActivationTier;
  /** The store of a smaller depth, from which only the blocks in between need to run. */
  readonly previous?: ActivationTier | undefined;
  /** Called once, when the cache switches itself off. */
  readonly onOff: (reason: string) => void;
}

/** Sample ids of a micro-batch by row; -1 is padding. */
export type RowIds = ArrayLike<number>;

export class ActivationCache {
  readonly #onOff: (reason: string) => void;
  readonly #current: ActivationTier;
  #previous: ActivationTier | null;
  #offReason: string | null = null;
  #hits = 0;
  #misses = 0;

  constructor(options: CacheOptions) {
    this.#current = options.current;
    this.#previous = options.previous ?? null;
    this.#onOff = options.onOff;
  }

  get isOn(): boolean {
    return this.#offReason === null;
  }

  /** Frozen blocks below the records of `loadPrevious`, or null where there is no earlier level. */
  get previousDepth(): number | null {
    return this.#previous?.depth ?? null;
  }

  /** Samples found at the current depth by `load`. */
  get hits(): number {
    return this.#hits;
  }

  /** Samples that `load` did not find at the current depth, whether or not the previous level had them. */
  get misses(): number {
    return this.#misses;
  }

  /** Bytes of ready records of both levels. */
  get bytes(): number {
    return this.isOn ? this.#current.bytes + (this.#previous?.bytes ?? 0) : 0;
  }

  /** Fills the rows of `out` whose samples are cached. Rows that are missing have undefined content. */
  load(ids: RowIds, out: Float32Array): Lookup {
    const found = this.#read(() => this.#current, ids, allRows(ids), out);
    this.#hits += found.hits;
    this.#misses += found.missing.length;
    return found;
  }

  /**
   * Fills rows (those `load` found missing) from the level before the depth changed: `out` then holds the input of
   * block `previousDepth`. What is missing here must be computed from the start.
   */
  loadPrevious(ids: RowIds, rows: readonly number[], out: Float32Array): Lookup {
    return this.#read(() => this.#previous, ids, rows, out);
  }

  /**
   * Stores rows of `from` at the current depth; padding is skipped. Never throws: a failing store switches the cache
   * off.
   */
  store(ids: RowIds, rows: readonly number[], from: Float32Array): void {
    this.#guard(() => {
      for (const row of rows) {
        const id = ids[row] ?? -1;
        if (id >= 0) this.#current.write(id, from, row);
      }
    }, undefined);
  }

  /** Tells which samples a later micro-batch will ask for. */
  prefetch(ids: RowIds): void {
    this.#guard(() => this.#current.prefetch(Array.from(ids).filter((id) => id >= 0)), undefined);
  }

  /** Switches the cache off, as a failure would. */
  switchOff(reason: string): void {
    if (this.#offReason !== null) return;
    this.#offReason = reason;
    this.#onOff(reason);
  }

  /** Drops both levels; the cache stays off. */
  close(unlink = false): void {
    this.#offReason ??= 'closed';
    try {
      release(this.#previous, unlink);
    } finally {
      this.#previous = null;
      release(this.#current, unlink);
    }
  }

  #read(tier: () => ActivationTier | null, ids: RowIds, rows: readonly number[], out: Float32Array): Lookup {
    const used = rows.filter((row) => (ids[row] ?? -1) >= 0);
    const source = tier();
    if (!this.isOn || source === null) return { hits: 0, missing: used };
    return this.#guard(
      () => {
        const missing = used.filter((row) => !source.read(ids[row] as number, out, row));
        return { hits: used.length - missing.length, missing };
      },
      { hits: 0, missing: used },
    );
  }

  /** Runs work on a store; where it throws, the cache goes off and the answer is `fallback`. */
  #guard<T>(work: () => T, fallback: T): T {
    if (!this.isOn) return fallback;
    try {
      return work();
    } catch (error) {
      this.switchOff(messageOf(error));
      return fallback;
    }
  }
}

function release(tier: ActivationTier | null, unlink: boolean): void {
  if (tier === null) return;
  tier.close();
  if (unlink) tier.unlink();
}

const allRows = (ids: RowIds): number[] => Array.from({ length: ids.length }, (_, row) => row);
