// ActivationStore: one tier of the cache for one level (depth) of one host: a mapped file with a state and a checksum
// per sample, and the records, in the same file or in one on a disk. Shared by all workers of the host without locks:
// equal keys mean equal bits, so two writers of one record cannot disagree, and a reader trusts nothing but a ready
// state and a matching checksum of what it copied. It evicts nothing: samples beyond the capacity have no place.
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, rmSync } from 'node:fs';
import { DataError } from '../engine/core/errors.js';
import { invariant } from '../engine/core/invariant.js';
import { MappedFile } from '../engine/tensor/mapped-file.js';
import type { ActivationTier } from './activation-tier.js';
import { checksum } from './checksum.js';
import { type CacheCodec, type CodecName, codecOf } from './codec.js';
import { DiskRecords, MappedRecords, type RecordPlace } from './record-place.js';
import { capacityFor, HEADER_BYTES, readHeader, STATE, storeLayout, writeHeader } from './store-layout.js';

export interface StoreShape {
  /** Elements of one sample's activation. */
  readonly recordFloats: number;
  /** Samples up to this number have a place, as far as the cap allows. */
  readonly numSamples: number;
  /** The first of them. Default: 0. */
  readonly firstSample?: number;
  /** Most bytes of states, checksums and records. */
  readonly capBytes: number;
  /** Default: f32. */
  readonly codec?: CodecName;
  /** File for the records on a disk; null (the default) keeps them in memory. */
  readonly disk?: string | null;
  /** Frozen blocks below the activation. */
  readonly depth: number;
  /** `levelDigest` of the level. */
  readonly digest: string;
}

/** What a process that opens a store relies on. */
export type ExpectedStore = Pick<StoreShape, 'recordFloats' | 'depth' | 'digest' | 'firstSample' | 'codec' | 'disk'>;

interface Views {
  readonly states: Uint8Array;
  readonly checksums: Int32Array;
}

export class ActivationStore implements ActivationTier {
  readonly path: string;
  readonly depth: number;
  readonly digest: string;
  readonly recordFloats: number;
  /** The samples [firstSample, firstSample + capacity) have a place. */
  readonly firstSample: number;
  readonly capacity: number;
  readonly #file: MappedFile;
  readonly #codec: CacheCodec;
  readonly #records: RecordPlace;
  /** An encoded record on its way. */
  readonly #words: Int32Array;
  /** Dropped on close: touching a view of an unmapped file would kill the process. */
  #views: Views | null;
  #hits = 0;
  #misses = 0;

  private constructor(file: MappedFile, { codec = 'f32', disk = null }: ExpectedStore) {
    const header = readHeader(file.buffer, file.path, file.bytes);
    const layout = storeLayout(header.recordWords, header.capacity);
    this.path = file.path;
    this.depth = header.depth;
    this.digest = header.digest;
    this.recordFloats = header.recordFloats;
    this.firstSample = header.firstSample;
    this.capacity = header.capacity;
    this.#file = file;
    this.#codec = codecOf(codec);
    this.#records = disk === null ? new MappedRecords(file, layout) : new DiskRecords(disk, layout);
    this.#words = new Int32Array(header.recordWords);
    this.#views = {
      states: new Uint8Array(file.buffer, layout.stateOffset, layout.capacity),
      checksums: new Int32Array(file.buffer, layout.checksumOffset, layout.capacity),
    };
  }

  /**
   * Makes a new, empty store. Throws a WorkerError where the file exists (PT_SHM_FILE) or its memory cannot be had
   * (PT_SHM_FULL), a DataError (PT_CACHE_CAP) where the cap does not hold one record.
   */
  static create(path: string, shape: StoreShape): ActivationStore {
    const { recordFloats, numSamples, firstSample = 0, capBytes, depth, digest, codec = 'f32', disk = null } = shape;
    const recordWords = codecOf(codec).words(recordFloats);
    const capacity = capacityFor(recordWords, numSamples - firstSample, capBytes);
    if (capacity < 1)
      throw new DataError(
        'PT_CACHE_CAP',
        `a cache of ${capBytes} bytes does not hold one record of ${4 * recordWords} bytes`,
        'Raise --cache-mb, or pass --cache off.',
      );
    const layout = storeLayout(recordWords, capacity);
    // Records get their memory as they are written: all at once would hold up the change of plan that makes the store.
    const file =
      disk === null
        ? MappedFile.createSparse(path, layout.fileBytes, layout.indexBytes)
        : MappedFile.create(path, layout.indexBytes);
    try {
      writeHeader(file.buffer, { recordFloats, recordWords, firstSample, capacity, depth, digest });
      return new ActivationStore(file, shape);
    } catch (error) {
      file.close();
      file.unlink();
      throw error;
    }
  }

  /**
   * Opens a store that another process made. Throws a DataError (PT_CACHE_STALE) where it is one of another level or
   * shape.
   */
  static open(path: string, expected: ExpectedStore): ActivationStore {
    const file = openIndex(path);
    try {
      const header = readHeader(file.buffer, path, file.bytes);
      const wanted = {
        depth: expected.depth,
        recordFloats: expected.recordFloats,
        firstSample: expected.firstSample ?? 0,
        digest: expected.digest,
      };
      for (const field of ['depth', 'recordFloats', 'firstSample', 'digest'] as const)
        if (header[field] !== wanted[field])
          throw new DataError(
            'PT_CACHE_STALE',
            `${path} was written for ${field} ${header[field]}, wanted is ${wanted[field]}`,
            'Delete the file; the cache is filled again.',
          );
      return new ActivationStore(file, expected);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Opens the store at `path`, or makes it; several processes may call this at the same time and get the same one. A
   * file of another level or shape (left by a freeze that was rolled back) is replaced; processes that still map it
   * keep their own view of it.
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
        // The name alone: the records on a disk belong to whoever came first.
        rmSync(draft, { force: true });
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

  /** Bytes of the ready records of all processes. */
  get bytes(): number {
    return this.numReady * this.#words.byteLength;
  }

  /** Ready records of all processes. */
  get numReady(): number {
    let ready = 0;
    for (const state of this.#views?.states ?? []) if (state === STATE.ready) ready++;
    return ready;
  }

  /** Whether a record is ready. `read` may still fail, where it is damaged. */
  has(id: number): boolean {
    const { states } = this.#open();
    return this.hasPlace(id) && Atomics.load(states, id - this.firstSample) === STATE.ready;
  }

  /** Whether the record of a sample may be kept here. */
  hasPlace(id: number): boolean {
    return id >= this.firstSample && id < this.firstSample + this.capacity;
  }

  /**
   * Copies the record of a sample into row `row` of `out` (rows of `recordFloats`). On false the row's content is
   * undefined.
   */
  read(id: number, out: Float32Array, row: number): boolean {
    const { states, checksums } = this.#open();
    if (!this.has(id)) {
      this.#misses++;
      return false;
    }
    const slot = id - this.firstSample;
    const expected = checksums[slot] as number;
    const target = this.#row(out, row);
    // An exact record is copied to where it is wanted, and checked there.
    const words = this.#codec.isExact ? wordsOf(target) : this.#words;
    this.#records.read(slot, words);
    // The copy is checked, not the source, so that nothing can change in between.
    if (checksum(words) !== expected) {
      // Empty again: the next writer repairs it.
      Atomics.store(states, slot, STATE.empty);
      this.#misses++;
      return false;
    }
    if (!this.#codec.isExact) this.#codec.decode(words, target);
    this.#hits++;
    return true;
  }

  /**
   * Stores row `row` of `from` as the record of a sample. A sample without a place, or with a ready record, is left as
   * it is.
   */
  write(id: number, from: Float32Array, row: number): void {
    const { states, checksums } = this.#open();
    const slot = id - this.firstSample;
    if (!this.hasPlace(id) || Atomics.load(states, slot) === STATE.ready) return;
    const source = this.#row(from, row);
    const words = this.#codec.isExact ? wordsOf(source) : this.#words;
    if (!this.#codec.isExact) this.#codec.encode(source, words);
    Atomics.store(states, slot, STATE.writing);
    this.#records.write(slot, words);
    Atomics.store(checksums, slot, checksum(words));
    // Last, and as an atomic store: who sees it sees the data.
    Atomics.store(states, slot, STATE.ready);
  }

  /** Starts to fetch the records of samples that will be read soon. */
  prefetch(ids: Iterable<number>): void {
    this.#records.prefetch([...ids].filter((id) => this.has(id)).map((id) => id - this.firstSample));
  }

  /** Unmaps the file; it stays for the others. */
  close(): void {
    if (this.#views !== null) this.#records.close();
    this.#views = null;
    this.#file.close();
  }

  /** Removes the file's name; its memory goes when the last process has closed it. */
  unlink(): void {
    this.#records.unlink();
    this.#file.unlink();
  }

  #open(): Views {
    invariant(this.#views !== null, () => `the activation store ${this.path} is closed`);
    return this.#views;
  }

  #row(rows: Float32Array, row: number): Float32Array {
    const from = row * this.recordFloats;
    invariant(
      row >= 0 && from + this.recordFloats <= rows.length,
      () => `row ${row} of ${this.recordFloats} floats in an array of ${rows.length}`,
    );
    return rows.subarray(from, from + this.recordFloats);
  }
}

/** The file of a store, of which the index is shown. Throws a DataError (PT_CACHE_FILE) where it is no store. */
export function openIndex(path: string): MappedFile {
  return MappedFile.openGrowing(path, HEADER_BYTES, (head, bytes) => {
    const { recordWords, capacity } = readHeader(head, path, bytes);
    return storeLayout(recordWords, capacity).indexBytes;
  });
}

const wordsOf = (floats: Float32Array): Int32Array => new Int32Array(floats.buffer, floats.byteOffset, floats.length);
