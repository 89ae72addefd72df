// IDX: the file format of MNIST: a magic number, the big-endian sizes of the axes, then the elements. Bytes only, as
// all such sets use.
import { DataError } from '../core/errors.js';
import { sizeOf } from '../tensor/shape.js';
import { BINARY_LIMIT, type SourceFiles } from './source-files.js';

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const hex = (word: number): string => `0x${word.toString(16).padStart(8, '0')}`;

/**
 * Reads a file of unsigned bytes with `rank` axes. Throws PT_DATA_MAGIC, PT_DATA_TRUNCATED, PT_DATA_EMPTY or what
 * reading throws.
 */
export function readIdx(files: SourceFiles, path: string, rank: number): IdxArray {
  const headerBytes = 4 + 4 * rank;
  const bytes = files.read(path, BINARY_LIMIT, (head) =>
    head.length < headerBytes ? null : headerBytes + sizeOf(readShape(path, head, rank)),
  );
  const shape = readShape(path, bytes, rank);
  const size = sizeOf(shape);
  if (bytes.length !== headerBytes + size) throw truncated(path, bytes.length, headerBytes + size);
  return { shape, data: bytes.subarray(headerBytes) };
}

/** The sizes of the axes, of which none is 0. */
function readShape(path: string, bytes: Buffer, rank: number): number[] {
  const headerBytes = 4 + 4 * rank;
  const magic = bytes.length < 4 ? null : bytes.readUInt32BE(0);
  const wanted = 0x0800 + rank;
  if (magic !== null && magic !== wanted) {
    throw new DataError(
      'PT_DATA_MAGIC',
      `${path} starts with ${hex(magic)}, not with ${hex(wanted)} (IDX, unsigned bytes, ${rank} ` +
        `${rank === 1 ? 'axis' : 'axes'})`,
      'this is not the file its name says; check that images and labels are not swapped, and download it again',
    );
  }
  if (bytes.length < headerBytes) throw truncated(path, bytes.length, headerBytes);
  const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  if (sizeOf(shape) === 0) {
    throw new DataError(
      'PT_DATA_EMPTY',
      `${path} says that it holds ${shape.join(' x ')} elements, that is none`,
      'download it again',
    );
  }
  return shape;
}

function truncated(path: string, has: number, needs: number): DataError {
  const what = has < needs ? 'is cut off' : 'is longer than its header says';
  return new DataError(
    'PT_DATA_TRUNCATED',
    `${path} ${what}: ${has} bytes (unpacked), its header needs ${needs}`,
    'the download is damaged; get it again',
  );
}
