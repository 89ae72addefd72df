// RecordPlace: where the encoded records of a store lie, by slot: in the store's own mapped memory, or in a file on a
// disk below it. It knows neither samples nor whether a record is whole; the store's states and checksums do.
import { closeSync, constants, read, readSync, rmSync, writeSync } from 'node:fs';
import { openOwn } from '../engine/core/own-file.js';
import type { MappedFile } from '../engine/tensor/mapped-file.js';
import type { StoreLayout } from './store-layout.js';

export interface RecordPlace {
  /** Fills `words`, whatever lies there. Throws where the place cannot be read. */
  read(slot: number, words: Int32Array): void;
  /** Throws where the place is full or gone. */
  write(slot: number, words: Int32Array): void;
  /** Starts to fetch records that will be read soon; costs nothing where they are in memory. */
  prefetch(slots: readonly number[]): void;
  close(): void;
  unlink(): void;
}

/** Memory of records that is had, and seen, at a time: some milliseconds of zeroing. */
const SLICE_BYTES = 2 * 2 ** 20;

/** Records behind the index in the same mapped file, whose memory is reserved slice by slice as they are written. */
export class MappedRecords implements RecordPlace {
  readonly #file: MappedFile;
  readonly #layout: StoreLayout;
  readonly #recordsPerSlice: number;
  /** Slices that this process has seen, and those of them that it knows to be reserved. */
  readonly #slices = new Map<number, ArrayBuffer>();
  readonly #reserved = new Set<number>();

  constructor(file: MappedFile, layout: StoreLayout) {
    this.#file = file;
    this.#layout = layout;
    this.#recordsPerSlice = Math.max(1, Math.floor(SLICE_BYTES / layout.recordStride));
  }

  read(slot: number, words: Int32Array): void {
    words.set(this.#record(slot));
  }

  write(slot: number, words: Int32Array): void {
    this.#reserve(slot);
    this.#record(slot).set(words);
  }

  prefetch(): void {
    // Memory is there already.
  }

  close(): void {
    // The store unmaps its file: what was seen of it must not be touched again.
    this.#slices.clear();
  }

  unlink(): void {
    // The store removes its file.
  }

  #reserve(slot: number): void {
    const slice = Math.floor(slot / this.#recordsPerSlice);
    if (this.#reserved.has(slice)) return;
    const { offset, bytes } = this.#placeOf(slice);
    this.#file.reserve(offset, bytes);
    this.#reserved.add(slice);
  }

  #record(slot: number): Int32Array {
    const { recordStride, recordWords } = this.#layout;
    const slice = Math.floor(slot / this.#recordsPerSlice);
    let seen = this.#slices.get(slice);
    if (seen === undefined) {
      const { offset, bytes } = this.#placeOf(slice);
      seen = this.#file.window(offset, bytes);
      this.#slices.set(slice, seen);
    }
    return new Int32Array(seen, (slot % this.#recordsPerSlice) * recordStride, recordWords);
  }

  #placeOf(slice: number): { readonly offset: number; readonly bytes: number } {
    const { recordOffset, recordStride, capacity } = this.#layout;
    const first = slice * this.#recordsPerSlice;
    return {
      offset: recordOffset + first * recordStride,
      bytes: Math.min(this.#recordsPerSlice, capacity - first) * recordStride,
    };
  }
}

/** Most bytes of fetched records that wait to be read. */
const MOST_FETCHED_BYTES = 64 * 2 ** 20;

/**
 * Records in a file on a disk. Any number of processes have it open; each record is written whole at its own offset.
 */
export class DiskRecords implements RecordPlace {
  readonly #path: string;
  readonly #layout: StoreLayout;
  readonly #file: number;
  /** Fetched records by slot; null while the read is under way. */
  readonly #fetched = new Map<number, Int32Array | null>();
  #pending = 0;
  #isClosed = false;

  /** Opens the file, or makes it. Throws what the file system says, and where the file is not this user's alone. */
  constructor(path: string, layout: StoreLayout) {
    this.#path = path;
    this.#layout = layout;
    this.#file = openOwn(path, constants.O_RDWR | constants.O_CREAT);
  }

  read(slot: number, words: Int32Array): void {
    const fetched = this.#fetched.get(slot);
    this.#fetched.delete(slot);
    if (fetched != null) return words.set(fetched);
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    for (let done = 0; done < bytes.length;) {
      const count = readSync(this.#file, bytes, done, bytes.length - done, this.#offset(slot) + done);
      if (count === 0) throw new Error(`${this.#path} ends inside record ${slot}`);
      done += count;
    }
  }

  write(slot: number, words: Int32Array): void {
    this.#fetched.delete(slot);
    const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.#file, bytes, done, bytes.length - done, this.#offset(slot) + done);
  }

  prefetch(slots: readonly number[]): void {
    const { recordWords } = this.#layout;
    const room = Math.floor(MOST_FETCHED_BYTES / (4 * recordWords));
    const wanted = slots.filter((slot) => !this.#fetched.has(slot)).slice(0, Math.max(0, room - slots.length));
    // What was fetched for a step that never read it must not stay in the way of the next.
    if (this.#fetched.size + wanted.length > room) this.#fetched.clear();
    for (const slot of wanted) {
      const words = new Int32Array(recordWords);
      this.#fetched.set(slot, null);
      this.#pending++;
      read(this.#file, new Uint8Array(words.buffer), 0, words.byteLength, this.#offset(slot), (error, count) => {
        this.#pending--;
        // A read that failed is done again by whoever needs the record, who then learns why.
        if (error === null && count === words.byteLength && this.#fetched.get(slot) === null)
          this.#fetched.set(slot, words);
        else if (this.#fetched.get(slot) === null) this.#fetched.delete(slot);
        this.#closeWhenIdle();
      });
    }
  }

  close(): void {
    this.#fetched.clear();
    this.#isClosed = true;
    this.#closeWhenIdle();
  }

  unlink(): void {
    rmSync(this.#path, { force: true });
  }

  /** Reads under way still use the file's number, which the next file to be opened would get. */
  #closeWhenIdle(): void {
    if (!this.#isClosed || this.#pending > 0) return;
    this.#isClosed = false;
    closeSync(this.#file);
  }

  #offset(slot: number): number {
    return slot * this.#layout.recordStride;
  }
}
