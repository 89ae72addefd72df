// Arrays of bfloat16 for tests of kernels.
import { roundToBfloat16, widenBfloat16 } from '../../../engine/tensor/bfloat16.js';

export function narrowed(floats: Float32Array): Uint16Array {
  const halves = new Uint16Array(floats.length);
  roundToBfloat16(floats, halves);
  return halves;
}

export function widened(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  widenBfloat16(halves, floats);
  return floats;
}
