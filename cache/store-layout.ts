// StoreLayout: where things lie in the file of an ActivationStore. Every number is little-endian 32 bits. It is the
// contract between the processes that share the file; a change needs a new STORE_VERSION.
//
// byte 0 magic 'PTAC', version, record floats, capacity, depth, length of the digest, record words, first sample,
// digest (UTF-8)
//   byte 256    one state byte per sample: 0 empty, 1 being written, 2 ready
//   then        one checksum (4 bytes) per sample
//   then        the records, each padded to 64 bytes, where they do not lie in a file on a disk
import { DataError } from '../engine/core/errors.js';

export const STORE_MAGIC = 0x43415450; // 'PTAC'
export const STORE_VERSION = 2;
export const HEADER_BYTES = 256;
export const DIGEST_OFFSET = 32;
const MAX_DIGEST_BYTES = HEADER_BYTES - DIGEST_OFFSET;

/** Cache lines: records start on one, so vector copies are aligned and no two records share one. */
const ALIGNMENT = 64;

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

export const STATE = { empty: 0, writing: 1, ready: 2 } as const;

export interface StoreLayout {
  /** 32-bit words of an encoded record. */
  readonly recordWords: number;
  /** Slots 0..capacity-1. */
  readonly capacity: number;
  readonly stateOffset: number;
  readonly checksumOffset: number;
  readonly recordOffset: number;
  /** Bytes from one record to the next. */
  readonly recordStride: number;
  /** Bytes of states, checksums and header. */
  readonly indexBytes: number;
  /** The same with the records. */
  readonly fileBytes: number;
}

export function storeLayout(recordWords: number, capacity: number): StoreLayout {
  const stateOffset = HEADER_BYTES;
  const checksumOffset = align(stateOffset + capacity);
  const recordOffset = align(checksumOffset + 4 * capacity);
  const recordStride = align(4 * recordWords);
  return {
    recordWords,
    capacity,
    stateOffset,
    checksumOffset,
    recordOffset,
    recordStride,
    indexBytes: recordOffset,
    fileBytes: recordOffset + capacity * recordStride,
  };
}

/** The largest capacity up to `numSamples` whose file stays within `capBytes`; 0 where not even one record fits. */
export function capacityFor(recordWords: number, numSamples: number, capBytes: number): number {
  let capacity = Math.max(
    0,
    Math.min(numSamples, Math.floor((capBytes - HEADER_BYTES) / (align(4 * recordWords) + 5))),
  );
  // The padding behind states and checksums may cost another record or two.
  while (capacity > 0 && storeLayout(recordWords, capacity).fileBytes > capBytes) capacity--;
  return capacity;
}

/** The header of a store. */
export interface StoreHeader {
  /** Elements of a decoded record, and words of an encoded one. */
  readonly recordFloats: number;
  readonly recordWords: number;
  /** The samples [firstSample, firstSample + capacity) have a place. */
  readonly firstSample: number;
  readonly capacity: number;
  readonly depth: number;
  readonly digest: string;
}

/** Writes the header; the magic comes last, so that a half-written one is never taken for a store. */
export function writeHeader(buffer: ArrayBuffer, header: StoreHeader): void {
  const digest = new TextEncoder().encode(header.digest);
  if (digest.length > MAX_DIGEST_BYTES)
    throw new DataError(
      'PT_CACHE_DIGEST',
      `the digest of a cache level has ${digest.length} bytes, a store holds ${MAX_DIGEST_BYTES}`,
      'Use levelDigest().',
    );
  new Uint8Array(buffer, DIGEST_OFFSET, digest.length).set(digest);
  const words = new Int32Array(buffer, 0, 8);
  words.set(
    [
      STORE_VERSION,
      header.recordFloats,
      header.capacity,
      header.depth,
      digest.length,
      header.recordWords,
      header.firstSample,
    ],
    1,
  );
  Atomics.store(words, 0, STORE_MAGIC);
}

/**
 * Reads and checks the header at the begin of `buffer`; throws a DataError (PT_CACHE_FILE) where the file, of `bytes`
 * bytes, is no whole store of this version.
 */
export function readHeader(buffer: ArrayBuffer, path: string, bytes: number): StoreHeader {
  const refuse = (problem: string): DataError =>
    new DataError('PT_CACHE_FILE', `${path} ${problem}`, 'Delete the file; the cache is filled again.');
  if (buffer.byteLength < HEADER_BYTES) throw refuse(`has ${bytes} bytes, less than the ${HEADER_BYTES} of a header`);
  const words = new Int32Array(buffer, 0, 8);
  if (Atomics.load(words, 0) !== STORE_MAGIC) throw refuse('is no activation store');
  const [, version, recordFloats, capacity, depth, digestBytes, recordWords, firstSample] = words as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (version !== STORE_VERSION) throw refuse(`is a store of version ${version}; this is version ${STORE_VERSION}`);
  if (
    recordFloats < 1 ||
    recordWords < 1 ||
    capacity < 0 ||
    firstSample < 0 ||
    digestBytes < 0 ||
    digestBytes > MAX_DIGEST_BYTES
  )
    throw refuse('has a damaged header');
  const { fileBytes, indexBytes } = storeLayout(recordWords, capacity);
  if (bytes !== fileBytes && bytes !== indexBytes) throw refuse(`has ${bytes} bytes; its header says ${fileBytes}`);
  // A copy: text decoders refuse some kinds of shared memory.
  const digest = new TextDecoder().decode(new Uint8Array(buffer, DIGEST_OFFSET, digestBytes).slice());
  return { recordFloats, recordWords, firstSample, capacity, depth, digest };
}
