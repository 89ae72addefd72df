// ExportDType: in which numbers weights are written for other programs. The parameters of a run are float32; the two
// smaller types round them to the nearest number that there is.
import { UsageError } from '../core/errors.js';
import { roundToBfloat16 } from '../tensor/bfloat16.js';
import { LARGEST_HALF, nearestHalf } from '../tensor/float16.js';
import type { StoredDType } from './safetensors.js';

export const EXPORT_DTYPES = ['f32', 'bf16', 'f16'] as const;
export type ExportDType = (typeof EXPORT_DTYPES)[number];

/** Its name in the file. */
export const storedDType = (dtype: ExportDType): StoredDType => dtype.toUpperCase() as Uppercase<ExportDType>;

/**
 * The bytes of these numbers of the tensor `name` in that type; of f32 a view. Throws a UsageError (PT_EXPORT_RANGE)
 * for a number that is too large for f16.
 */
export function inDType(dtype: ExportDType, floats: Float32Array, name: string): Uint8Array {
  if (dtype === 'f32') return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
  const halves = new Uint16Array(floats.length);
  if (dtype === 'bf16') roundToBfloat16(floats, halves);
  else {
    const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
    for (let i = 0; i < words.length; i++) {
      const value = floats[i] as number;
      if (Math.abs(value) > LARGEST_HALF)
        throw new UsageError(
          'PT_EXPORT_RANGE',
          `${name} holds ${value}; f16 ends at ${LARGEST_HALF}`,
          'Write bf16, which has the range of f32, with --dtype bf16.',
        );
      halves[i] = nearestHalf(words[i] as number);
    }
  }
  return new Uint8Array(halves.buffer);
}
