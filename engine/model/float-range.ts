// FloatRange: where a file holds the numbers that a parameter starts with, and how to read just those. It knows no file
// format; see hf/.
import { closeSync, readSync } from 'node:fs';
import { openRegularFile } from '../core/bounded-file.js';
import { ModelError, PipetrainError } from '../core/errors.js';
import { type Shape, sizeOf } from '../tensor/shape.js';

export const FLOAT_BYTES = { F32: 4, F16: 2, BF16: 2 } as const;
export type FloatType = keyof typeof FLOAT_BYTES;

export interface FloatRange {
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly dtype: FloatType;
  /** The file holds the parameter [I, O] as the matrix [O, I]. */
  readonly isTransposed: boolean;
}

export const isFloatType = (dtype: string): dtype is FloatType => Object.hasOwn(FLOAT_BYTES, dtype);

/**
 * Reads a parameter of the given shape into `out`; nothing else of the file is read. Throws ModelError
 * PT_MODEL_WEIGHTS.
 */
export function readFloatRange(
  { path, offset, dtype, isTransposed }: FloatRange,
  shape: Shape,
  out: Float32Array,
): void {
  const size = sizeOf(shape);
  // Numbers that lie in the file as they will in memory need no other place on their way.
  const isDirect = dtype === 'F32' && !isTransposed;
  const bytes = isDirect
    ? Buffer.from(out.buffer, out.byteOffset, 4 * size)
    : Buffer.from(new ArrayBuffer(FLOAT_BYTES[dtype] * size));
  readExactly(path, offset, bytes);
  if (isDirect) return;
  const floats = toFloats(dtype, bytes);
  if (isTransposed) transpose(floats, shape as readonly [number, number], out);
  else out.set(floats);
}

function readExactly(path: string, offset: number, bytes: Buffer): void {
  const unreadable = (why: string, cause?: unknown): ModelError =>
    new ModelError(
      'PT_MODEL_WEIGHTS',
      `cannot read ${bytes.length} bytes at ${offset} of ${path}: ${why}`,
      'the file may not change while the run starts; download it again',
      { cause },
    );
  let file: number;
  try {
    ({ file } = openRegularFile(path));
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw unreadable((error as Error).message, error);
  }
  try {
    for (let done = 0; done < bytes.length;) {
      const read = readSync(file, bytes, done, bytes.length - done, offset + done);
      if (read === 0) throw unreadable(`it ends after ${done}`);
      done += read;
    }
  } finally {
    closeSync(file);
  }
}

function toFloats(dtype: FloatType, bytes: Buffer): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  // A bfloat16 is the upper half of a float32.
  if (dtype === 'BF16') return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
  return Float32Array.from(halves, halfToFloat);
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits, 10 bits of fraction. */
function halfToFloat(half: number): number {
  const sign = half >> 15 === 0 ? 1 : -1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** `from` [O, I] to `out` [I, O]. */
function transpose(from: Float32Array, [inputs, outputs]: readonly [number, number], out: Float32Array): void {
  for (let o = 0; o < outputs; o++)
    for (let i = 0; i < inputs; i++) out[i * outputs + o] = from[o * inputs + i] as number;
}
