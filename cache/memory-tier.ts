// ActivationStore: the memory tier of the cache, one level (depth) of one host. A mapped file with a place of fixed size per sample, shared by
// all workers of the host without locks: equal keys mean equal bits, so two writers of one record cannot disagree, and a reader trusts
// nothing but a ready state and a matching checksum of what it copied. It evicts nothing: samples beyond the capacity have no place.
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, rmSync } from 'node:fs';
import { DataError } from '../engine/core/errors.js';
import { invariant } from '../engine/core/invariant.js';
import { MappedFile } from '../engine/tensor/mapped-file.js';
import { checksum } from './checksum.js';
import { capacityFor, readHeader, STATE, storeLayout, writeHeader, type StoreLayout } from './store-layout.js';

/** What ActivationCache needs of a tier. */
export interface ActivationTier {
  readonly depth: number;
  /** Elements of a record. */
  readonly recordFloats: number;
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number;
  has(id: number): boolean;
  read(id: number, out: Float32Array, row: number): boolean;
  write(id: number, from: Float32Array, row: number): void;
  close(): void;
  unlink(): void;
}

export interface StoreShape {
  /** Elements of one sample's activation. */
  readonly recordFloats: number;
  readonly numSamples: number;
  /** Most bytes of the file. */
  readonly capBytes: number;
  /** Frozen blocks below the activation. */
  readonly depth: number;
  /** `levelDigest` of the level. */
  readonly digest: string;
}

/** What a process that opens a store relies on. */
export type ExpectedStore = Pick<StoreShape, 'recordFloats' | 'depth' | 'digest'>;

interface Views {
  readonly states: Uint8Array;
  readonly checksums: Int32Array;
}

export class ActivationStore implements ActivationTier {
  readonly path: string;
  readonly depth: number;
  readonly digest: string;
  readonly recordFloats: number;
  /** Samples 0..capacity-1 have a place. */
  readonly capacity: number;
  readonly #layout: StoreLayout;
  readonly #file: MappedFile;
  /** Dropped on close: touching a view of an unmapped file would kill the process. */
  #views: Views | null;
  #hits = 0;
  #misses = 0;
  #corrupted = 0;

  private constructor(file: MappedFile) {
    const header = readHeader(file.buffer, file.path);
    const layout = storeLayout(header.recordFloats, header.capacity);
    this.path = file.path;
    this.depth = header.depth;
    this.digest = header.digest;
    this.recordFloats = header.recordFloats;
    this.capacity = header.capacity;
    this.#layout = layout;
    this.#file = file;
    this.#views = {
      states: new Uint8Array(file.buffer, layout.stateOffset, layout.capacity),
      checksums: new Int32Array(file.buffer, layout.checksumOffset, layout.capacity),
    };
  }

  /**
   * Makes a new, empty store. Throws a WorkerError where the file exists (PT_SHM_FILE) or its memory cannot be had (PT_SHM_FULL), a DataError
   * (PT_CACHE_CAP) where the cap does not hold one record.
   */
  static create(path: string, shape: StoreShape): ActivationStore {
    const { recordFloats, numSamples, capBytes, depth, digest } = shape;
    const capacity = capacityFor(recordFloats, numSamples, capBytes);
    if (capacity < 1)
      throw new DataError('PT_CACHE_CAP', `a cache of ${capBytes} bytes does not hold one record of ${4 * recordFloats} bytes`, 'Raise --cache-mb, or pass --cache off.');
    const file = MappedFile.create(path, storeLayout(recordFloats, capacity).fileBytes);
    try {
      writeHeader(file.buffer, { recordFloats, capacity, depth, digest });
      return new ActivationStore(file);
    } catch (error) {
      file.close();
      file.unlink();
      throw error;
    }
  }

  /** Opens a store that another process made. Throws a DataError (PT_CACHE_STALE) where it is one of another level or shape. */
  static open(path: string, expected: ExpectedStore): ActivationStore {
    const file = MappedFile.open(path);
    try {
      const store = new ActivationStore(file);
      for (const field of ['depth', 'recordFloats', 'digest'] as const)
        if (store[field] !== expected[field])
          throw new DataError('PT_CACHE_STALE', `${path} was written for ${field} ${store[field]}, wanted is ${expected[field]}`, 'Delete the file; the cache is filled again.');
      return store;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Opens the store at `path`, or makes it; several processes may call this at the same time and get the same one. A file of another level
   * or shape (left by a freeze that was rolled back) is replaced; processes that still map it keep their own view of it.
   */
  static attach(path: string, shape: StoreShape): ActivationStore {
    if (existsSync(path)) {
      try {
        return ActivationStore.open(path, shape);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        rmSync(path, { force: true });
      }
    }
    const draft = `${path}.${randomUUID().slice(0, 8)}`;
    try {
      const store = ActivationStore.create(draft, shape);
      try {
        // A link appears at once, with its header, and never replaces the one of a faster process.
        linkSync(draft, path);
      } finally {
        store.close();
        store.unlink();
      }
    } catch (error) {
      if (!existsSync(path)) throw error;
    }
    return ActivationStore.open(path, shape);
  }

  /** Reads that succeeded, in this process. */
  get hits(): number {
    return this.#hits;
  }

  /** Reads that did not, in this process, corrupted records included. */
  get misses(): number {
    return this.#misses;
  }

  /** Records that were ready but damaged, in this process. */
  get corrupted(): number {
    return this.#corrupted;
  }

  /** Bytes of the ready records of all processes. */
  get bytes(): number {
    return this.numReady * 4 * this.recordFloats;
  }

  /** Ready records of all processes. */
  get numReady(): number {
    let ready = 0;
    for (const state of this.#views?.states ?? []) if (state === STATE.ready) ready++;
    return ready;
  }

  get isOpen(): boolean {
    return this.#views !== null;
  }

  /** Whether a record is ready. `read` may still fail, where it is damaged. */
  has(id: number): boolean {
    const { states } = this.#open();
    return id >= 0 && id < this.capacity && Atomics.load(states, id) === STATE.ready;
  }

  /** Copies the record of a sample into row `row` of `out` (rows of `recordFloats`). On false the row's content is undefined. */
  read(id: number, out: Float32Array, row: number): boolean {
    const { states, checksums } = this.#open();
    if (!this.has(id)) {
      this.#misses++;
      return false;
    }
    const expected = checksums[id] as number;
    const target = this.#row(out, row);
    target.set(this.#record(id));
    // The copy is checked, not the source, so that nothing can change in between.
    if (checksum(wordsOf(target)) !== expected) {
      // Empty again: the next writer repairs it.
      Atomics.store(states, id, STATE.empty);
      this.#corrupted++;
      this.#misses++;
      return false;
    }
    this.#hits++;
    return true;
  }

  /** Stores row `row` of `from` as the record of a sample. A sample without a place, or with a ready record, is left as it is. */
  write(id: number, from: Float32Array, row: number): void {
    const { states, checksums } = this.#open();
    if (id < 0 || id >= this.capacity || Atomics.load(states, id) === STATE.ready) return;
    const source = this.#row(from, row);
    Atomics.store(states, id, STATE.writing);
    this.#record(id).set(source);
    Atomics.store(checksums, id, checksum(wordsOf(source)));
    // Last, and as an atomic store: who sees it sees the data.
    Atomics.store(states, id, STATE.ready);
  }

  /** Unmaps the file; it stays for the others. */
  close(): void {
    this.#views = null;
    this.#file.close();
  }

  /** Removes the file's name; its memory goes when the last process has closed it. */
  unlink(): void {
    this.#file.unlink();
  }

  #open(): Views {
    invariant(this.#views !== null, () => `the activation store ${this.path} is closed`);
    return this.#views;
  }

  #record(id: number): Float32Array {
    return this.#file.float32(this.#layout.recordOffset + id * this.#layout.recordStride, this.recordFloats);
  }

  #row(rows: Float32Array, row: number): Float32Array {
    const from = row * this.recordFloats;
    invariant(row >= 0 && from + this.recordFloats <= rows.length, () => `row ${row} of ${this.recordFloats} floats in an array of ${rows.length}`);
    return rows.subarray(from, from + this.recordFloats);
  }
}

const wordsOf = (floats: Float32Array): Int32Array => new Int32Array(floats.buffer, floats.byteOffset, floats.length);
