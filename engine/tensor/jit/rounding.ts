// Rounding: float32 to bfloat16 in registers, to nearest, ties to even (a NaN stays one), and back.
import { type Assembler, COMPARE } from '../x86/assembler.js';
import type { MemoryOperand } from '../x86/memory.js';
import { k3, type MaskRegister, type VectorRegister } from '../x86/registers.js';
import type { HalfWay } from './cpu-features.js';

/**
 * By an instruction of AVX512-BF16, to which denormals are 0, or by arithmetic on the bits. They agree where float32
 * has no denormals either, which is how programs run.
 */
export type Rounding = 'instruction' | 'bits';

/** How a machine rounds that multiplies in a way. */
export const roundingOf = (way: HalfWay): Rounding => (way === 'widened' ? 'bits' : 'instruction');

const HALF_BITS = 16;
const JUST_BELOW_HALF = 0x7fff;
/** Of a float32 that is NaN: stays set when the lower half goes. */
const QUIET = 0x400000;

/** The bfloat16 of `x` into `to`, half as long. Changes `t` and k3. */
export function emitRounded(
  a: Assembler,
  rounding: Rounding,
  to: VectorRegister,
  x: VectorRegister,
  t: VectorRegister,
): void {
  if (rounding === 'instruction') return a.vcvtneps2bf16(to, x);
  a.vcmpps(k3, x, x, COMPARE.unordered);
  a.vpsrld(t, x, HALF_BITS);
  a.vpandd(t, t, a.int(1).broadcast);
  a.vpaddd(t, t, a.int(JUST_BELOW_HALF).broadcast);
  a.vpaddd(t, t, x);
  a.vpord(t.masked(k3), x, a.int(QUIET).broadcast);
  a.vpsrld(t, t, HALF_BITS);
  a.vpmovdw(to, t);
}

/** The float32 of 16 bfloat16 in memory; zeros outside the mask. */
export function emitWidened(a: Assembler, to: VectorRegister, from: MemoryOperand, mask: MaskRegister | null): void {
  a.vpmovzxwd(mask === null ? to : to.zeroed(mask), from);
  a.vpslld(to, to, HALF_BITS);
}
