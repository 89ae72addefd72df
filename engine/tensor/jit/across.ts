// Across: sums and largest elements of a vector register, in all its elements: always in the same order, whatever stood where.
import type { Assembler } from '../x86/assembler.js';
import type { VectorRegister } from '../x86/registers.js';

const SWAP_HALVES = 0x4e;
const SWAP_NEIGHBOURS = 0xb1;

function emitAcross(a: Assembler, value: VectorRegister, other: VectorRegister, combine: () => void): void {
  a.vshuff64x2(other, value, value, SWAP_HALVES);
  combine();
  a.vshuff64x2(other, value, value, SWAP_NEIGHBOURS);
  combine();
  a.vpermilps(other, value, SWAP_HALVES);
  combine();
  a.vpermilps(other, value, SWAP_NEIGHBOURS);
  combine();
}

/** Every element of `value` becomes the sum of all of them. Changes `other`. */
export function emitSumAcross(a: Assembler, value: VectorRegister, other: VectorRegister): void {
  emitAcross(a, value, other, () => a.vaddps(value, value, other));
}

/** Every element of `value` becomes the largest of all of them. Changes `other`. */
export function emitMaxAcross(a: Assembler, value: VectorRegister, other: VectorRegister): void {
  emitAcross(a, value, other, () => a.vmaxps(value, value, other));
}

/** The first register becomes the combination of all, pairwise. */
export function emitTree(registers: readonly VectorRegister[], combine: (to: VectorRegister, from: VectorRegister) => void): void {
  for (let distance = 1; distance < registers.length; distance *= 2)
    for (let i = 0; i + distance < registers.length; i += 2 * distance) combine(registers[i] as VectorRegister, registers[i + distance] as VectorRegister);
}
