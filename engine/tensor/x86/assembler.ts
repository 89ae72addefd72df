// Assembler: writes machine code for x86-64 with AVX-512 (F, DQ, BW, VL, BF16) and AMX: every method appends the
// instruction of its name in Intel's manual, destination first. Vector instructions take xmm, ymm or zmm registers and
// are EVEX-encoded throughout, or, in `new Assembler('vex')`, VEX-encoded for processors with AVX2. A destination may
// carry a mask (`zmm(1).masked(k1)`, `.zeroed(k1)`), a store takes its mask as the last argument, and a last operand
// may be in memory.
//
//     const a = new Assembler();
//     a.vbroadcastss(zmm(0), mem(rsi, { disp: 4 }));
//     a.vfmadd231ps(zmm(1), zmm(0), mem(rdi, { index: rax, scale: 4 }));
//     a.vmulps(zmm(1), zmm(1), a.splat(0.5));
//     a.ret();
//     const routine = a.finish();
import type { MaskRegister } from './registers.js';
import { f3, i0f, i3a, i38, ps, reading, type Source, type Vector, wide } from './vector-code.js';
import { VectorMoves } from './vector-moves.js';

/** What vpcmpd and vcmpps compare for, of what is needed; `unordered`: one of them is NaN. */
export const COMPARE = { less: 1, unordered: 3, notLess: 5 } as const;

/** Rounding of vrndscaleps: to the nearest integer (ties to even), without exceptions. */
export const ROUND = { nearest: 8 } as const;

export class Assembler extends VectorMoves {
  vaddps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x58), to, a, b);
  }

  vsubps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x5c), to, a, b);
  }

  vmulps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x59), to, a, b);
  }

  vdivps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x5e), to, a, b);
  }

  /** b where either is NaN. */
  vminps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x5d), to, a, b);
  }

  /** b where either is NaN. */
  vmaxps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x5f), to, a, b);
  }

  vandps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x54), to, a, b);
  }

  vxorps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x57), to, a, b);
  }

  vpxord(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xef), to, a, b);
  }

  vpaddd(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xfe), to, a, b);
  }

  vpandd(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xdb), to, a, b);
  }

  vpord(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xeb), to, a, b);
  }

  vpslld(to: Vector, from: Source, count: number): void {
    this.shift(i0f(0x72), 6, to, from, count);
  }

  vpsrld(to: Vector, from: Source, count: number): void {
    this.shift(i0f(0x72), 2, to, from, count);
  }

  /** a * 2^floor(b), with the right result where that is not in the normal range. */
  vscalefps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x2c), to, a, b);
  }

  vsqrtps(to: Vector, from: Source): void {
    this.one(ps(0x51), to, from);
  }

  vcvtps2pd(to: Vector, from: Source): void {
    this.one(reading(ps(0x5a), 'half'), to, from);
  }

  /** See ROUND. */
  vrndscaleps(to: Vector, from: Source, rounding: number): void {
    this.one(i3a(0x08), to, from, rounding);
  }

  vpcmpd(to: MaskRegister, a: Vector, b: Source, predicate: number, within: MaskRegister | null = null): void {
    this.compare(i3a(0x1f), to, a, b, predicate, within);
  }

  /** See COMPARE. */
  vcmpps(to: MaskRegister, a: Vector, b: Source, predicate: number, within: MaskRegister | null = null): void {
    this.compare(ps(0xc2), to, a, b, predicate, within);
  }

  /** float32 to bfloat16, half as many bytes: to nearest, ties to even; denormals become 0. */
  vcvtneps2bf16(to: Vector, from: Source): void {
    this.narrow(f3(0x72), to, from);
  }

  /** float32 of `to` += products of pairs of bfloat16, the odd one first; denormals are 0. */
  vdpbf16ps(to: Vector, a: Vector, b: Source): void {
    this.two(f3(0x52), to, a, b);
  }

  /** to = (a * to) + b. */
  vfmadd213ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xa8), to, a, b);
  }

  /** to = (a * b) + to. */
  vfmadd231ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xb8), to, a, b);
  }

  /** to = (a * b) + to. */
  vfmadd231pd(to: Vector, a: Vector, b: Source): void {
    this.two(wide(i38(0xb8)), to, a, b);
  }

  /** to = (a * to) - b. */
  vfmsub213ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xaa), to, a, b);
  }

  /** to = (a * b) - to. */
  vfmsub231ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xba), to, a, b);
  }

  /** to = -(a * b) + to. */
  vfnmadd231ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xbc), to, a, b);
  }
}
