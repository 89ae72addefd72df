// MappedFile: memory that several processes of one host share, as a file mapped into each. It has no locks: who may
// write when is agreed over the channels, and the file is only the place.
import { accessSync, closeSync, constants, fstatSync, ftruncateSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { invariant } from '../core/invariant.js';
import { openOwn } from '../core/own-file.js';
import { creationError, memoryFileError, requireRoom, reserve, systemCode } from './memory-room.js';
import { loadKoffi, type Pointer } from './native.js';
import { MAP_FAILED, systemCalls } from './system-calls.js';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const SHARED_MEMORY = '/dev/shm';

/** Folder for mapped files: memory where the system has a file system for it, else the folder for temporary files. */
export function sharedMemoryFolder(): string {
  try {
    accessSync(SHARED_MEMORY, constants.W_OK | constants.X_OK);
    return SHARED_MEMORY;
  } catch {
    return tmpdir();
  }
}

/**
 * A file mapped read-write. After `close` no view over `buffer` may be touched, in JavaScript or by a bound program:
 * the addresses are gone and the process would crash. Nobody may shorten the file while it is mapped anywhere.
 */
export class MappedFile {
  readonly path: string;
  readonly bytes: number;
  readonly #address: Pointer;
  #buffer: ArrayBuffer | null;
  /** Kept open where more of it is reserved later. */
  readonly #growing: number | null;

  /** `buffer` shows the first `shown` bytes. */
  private constructor(path: string, bytes: number, address: Pointer, growing: number | null = null, shown = bytes) {
    this.path = path;
    this.#growing = growing;
    this.bytes = bytes;
    this.#address = address;
    this.#buffer = loadKoffi().view(address, shown);
  }

  /**
   * Makes a new file of `bytes` zeros and maps it. All its memory is reserved now, because a page that cannot be had
   * later would kill the process instead of raising an error. Throws a WorkerError: PT_SHM_FULL where there is no room,
   * PT_SHM_FILE for anything else.
   */
  static create(path: string, bytes: number): MappedFile {
    invariant(Number.isSafeInteger(bytes) && bytes > 0, () => `a mapped file of ${bytes} bytes`);
    const file = createFile(path, bytes);
    try {
      reserve(path, file, 0, bytes);
      return new MappedFile(path, bytes, map(path, file, bytes));
    } catch (error) {
      unlinkSync(path);
      throw error;
    } finally {
      closeSync(file);
    }
  }

  /**
   * As `create`, with only the first `reserved` bytes reserved: zeroing memory takes time, and for a large file that is
   * filled little by little it need not be taken at once. The rest must not be touched by anybody before `reserve` has
   * had it; `buffer` has the reserved bytes alone, and `window` the rest. Throws as `create` does, also where all of it
   * would not fit now.
   */
  static createSparse(path: string, bytes: number, reserved: number): MappedFile {
    invariant(0 < reserved && reserved <= bytes, () => `${reserved} of ${bytes} bytes reserved`);
    // Elsewhere memory is had by writing zeros, which must not meet what others write.
    if (process.platform !== 'linux') return MappedFile.create(path, bytes);
    const file = createFile(path, bytes);
    try {
      requireRoom(path, bytes);
      ftruncateSync(file, bytes);
      reserve(path, file, 0, reserved);
      return new MappedFile(path, bytes, map(path, file, bytes), file, reserved);
    } catch (error) {
      closeSync(file);
      unlinkSync(path);
      throw error;
    }
  }

  /**
   * As `open`, for a file made by `createSparse`: more of it may be reserved. `shownOf` is given the first `headBytes`
   * bytes and the size of the file, and says how many bytes `buffer` shall have.
   */
  static openGrowing(
    path: string,
    headBytes: number,
    shownOf: (head: ArrayBuffer, bytes: number) => number,
  ): MappedFile {
    const file = openFile(path);
    try {
      const bytes = fstatSync(file).size;
      if (bytes === 0) throw memoryFileError(path, 'is empty', undefined);
      const head = new Uint8Array(headBytes);
      const count = readSync(file, head, 0, headBytes, 0);
      const shown = shownOf(head.buffer.slice(0, count), bytes);
      return new MappedFile(path, bytes, map(path, file, bytes), file, Math.min(shown, bytes));
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /**
   * Makes sure of the memory of `bytes` bytes from `offset` on; what lies there stays. Throws a WorkerError
   * (PT_SHM_FULL) where there is no room.
   */
  reserve(offset: number, bytes: number): void {
    if (this.#growing !== null && process.platform === 'linux') reserve(this.path, this.#growing, offset, bytes);
  }

  /**
   * Maps a file that another process of this user made, whole. Throws a WorkerError (PT_SHM_FILE) where that fails, or
   * where it has fewer than `leastBytes`.
   */
  static open(path: string, leastBytes = 1): MappedFile {
    const file = openFile(path);
    try {
      const bytes = fstatSync(file).size;
      if (bytes < Math.max(1, leastBytes))
        throw memoryFileError(
          path,
          bytes === 0 ? 'is empty' : `has ${bytes} bytes, ${leastBytes} are needed`,
          undefined,
        );
      return new MappedFile(path, bytes, map(path, file, bytes));
    } finally {
      closeSync(file);
    }
  }

  /**
   * A part of the mapping. JavaScript's collector takes every byte of a buffer for memory that it could win back: one
   * buffer over a large file makes it stop for that, so such a file is seen through windows where it is used.
   */
  window(offset: number, bytes: number): ArrayBuffer {
    invariant(this.#buffer !== null, () => `${this.path} is closed`);
    invariant(
      offset >= 0 && bytes > 0 && offset + bytes <= this.bytes,
      () => `bytes ${offset} to ${offset + bytes} of the ${this.bytes} of ${this.path}`,
    );
    return loadKoffi().view(this.#address + BigInt(offset), bytes);
  }

  /** The mapping as one buffer, or what of it is shown. */
  get buffer(): ArrayBuffer {
    const buffer = this.#buffer;
    invariant(buffer !== null, () => `${this.path} is closed`);
    return buffer;
  }

  /** A view of `length` numbers from `byteOffset`, a multiple of 4. */
  float32(byteOffset: number, length: number): Float32Array<ArrayBuffer> {
    invariant(
      byteOffset + length * Float32Array.BYTES_PER_ELEMENT <= this.bytes,
      () => `${length} floats from byte ${byteOffset} exceed the ${this.bytes} bytes of ${this.path}`,
    );
    return new Float32Array(this.buffer, byteOffset, length);
  }

  /** Unmaps the file; it stays on disk. Drop every view and free every binding first. */
  close(): void {
    if (this.#buffer === null) return;
    this.#buffer = null;
    if (this.#growing !== null) closeSync(this.#growing);
    invariant(
      systemCalls().munmap(this.#address, this.bytes) === 0,
      () => `munmap of ${this.path} fails: ${lastError()}`,
    );
  }

  /** Removes the name; the memory goes when the last process has closed it. A file that is gone already is fine. */
  unlink(): void {
    try {
      unlinkSync(this.path);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? ''))
        throw memoryFileError(this.path, 'cannot be removed', error);
    }
  }
}

/** It must not exist: nobody's link is followed, and nobody's file is taken for ours. */
function createFile(path: string, bytes: number): number {
  try {
    return openOwn(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  } catch (error) {
    throw creationError(path, bytes, error);
  }
}

function openFile(path: string): number {
  try {
    return openOwn(path, constants.O_RDWR);
  } catch (error) {
    throw memoryFileError(path, 'cannot be opened', error);
  }
}

function map(path: string, file: number, bytes: number): Pointer {
  const address = systemCalls().mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, file, 0);
  if (address === MAP_FAILED)
    throw memoryFileError(path, `cannot be mapped (${bytes} bytes): ${lastError()}`, undefined);
  return address;
}

function lastError(): string {
  return getSystemErrorName(-loadKoffi().errno());
}
