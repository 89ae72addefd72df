// Horizontal: the sum or the largest of all elements of a vector, in every element, always in the same order.
import type { Assembler } from '../x86/assembler.js';
import type { VectorRegister } from '../x86/registers.js';

/** Halves, quarters, pairs and neighbours are combined in turn; `t` is changed. */
export function emitAcross(a: Assembler, operation: 'vaddps' | 'vmaxps', x: VectorRegister, t: VectorRegister): void {
  a.vshuff32x4(t, x, x, 0x4e);
  a[operation](x, x, t);
  a.vshuff32x4(t, x, x, 0xb1);
  a[operation](x, x, t);
  a.vpermilps(t, x, 0x4e);
  a[operation](x, x, t);
  a.vpermilps(t, x, 0xb1);
  a[operation](x, x, t);
}

/** The first register becomes the combination of all, pairwise. */
export function emitTree(
  registers: readonly VectorRegister[],
  combine: (to: VectorRegister, from: VectorRegister) => void,
): void {
  for (let distance = 1; distance < registers.length; distance *= 2)
    for (let i = 0; i + distance < registers.length; i += 2 * distance)
      combine(registers[i] as VectorRegister, registers[i + distance] as VectorRegister);
}
