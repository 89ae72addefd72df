// Assembler: writes machine code for x86-64 with AVX-512 (F, DQ, VL): every method appends the instruction of its name
// in Intel's manual, destination first. Vector instructions take xmm, ymm or zmm registers and are EVEX-encoded
// throughout, or, in `new Assembler('vex')`, VEX-encoded for processors with AVX2. A destination may carry a mask
// (`zmm(1).masked(k1)`, `.zeroed(k1)`), a store takes its mask as the last argument, and a last operand may be in
// memory.
//
//     const a = new Assembler();
//     a.vbroadcastss(zmm(0), mem(rsi, { disp: 4 }));
//     a.vfmadd231ps(zmm(1), zmm(0), mem(rdi, { index: rax, scale: 4 }));
//     a.vmulps(zmm(1), zmm(1), a.splat(0.5));
//     a.ret();
//     const routine = a.finish();
import { type MaskRegister, VectorRegister } from './registers.js';
import { i0f, i3a, i38, pd, ps, reading, sd, single, type Source, ss, type Vector, wide } from './vector-code.js';
import { VectorMoves } from './vector-moves.js';

/** What vcmpps and vpcmpd compare for; NaN satisfies none of the first kind, and all of the negated ones. */
export const COMPARE = {
  equal: 0,
  less: 1,
  lessOrEqual: 2,
  unordered: 3,
  notEqual: 4,
  notLess: 5,
  notLessOrEqual: 6,
  ordered: 7,
  greaterOrEqual: 13,
  greater: 14,
} as const;

/** Roundings of vrndscaleps: to the nearest integer (ties to even), down, up, towards zero; no exceptions. */
export const ROUND = { nearest: 8, down: 9, up: 10, truncate: 11 } as const;

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

  vaddss(to: Vector, a: Vector, b: Source): void {
    this.two(ss(0x58), to, a, b);
  }

  vsubss(to: Vector, a: Vector, b: Source): void {
    this.two(ss(0x5c), to, a, b);
  }

  vmulss(to: Vector, a: Vector, b: Source): void {
    this.two(ss(0x59), to, a, b);
  }

  vdivss(to: Vector, a: Vector, b: Source): void {
    this.two(ss(0x5e), to, a, b);
  }

  vminss(to: Vector, a: Vector, b: Source): void {
    this.two(ss(0x5d), to, a, b);
  }

  vmaxss(to: Vector, a: Vector, b: Source): void {
    this.two(ss(0x5f), to, a, b);
  }

  vsqrtss(to: Vector, a: Vector, b: Source): void {
    this.two(ss(0x51), to, a, b);
  }

  vaddpd(to: Vector, a: Vector, b: Source): void {
    this.two(pd(0x58), to, a, b);
  }

  vsubpd(to: Vector, a: Vector, b: Source): void {
    this.two(pd(0x5c), to, a, b);
  }

  vmulpd(to: Vector, a: Vector, b: Source): void {
    this.two(pd(0x59), to, a, b);
  }

  vdivpd(to: Vector, a: Vector, b: Source): void {
    this.two(pd(0x5e), to, a, b);
  }

  vaddsd(to: Vector, a: Vector, b: Source): void {
    this.two(sd(0x58), to, a, b);
  }

  vandps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x54), to, a, b);
  }

  /** not a and b. */
  vandnps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x55), to, a, b);
  }

  vorps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x56), to, a, b);
  }

  vxorps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x57), to, a, b);
  }

  vpandd(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xdb), to, a, b);
  }

  vpord(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xeb), to, a, b);
  }

  vpxord(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xef), to, a, b);
  }

  vpaddd(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xfe), to, a, b);
  }

  vpsubd(to: Vector, a: Vector, b: Source): void {
    this.two(i0f(0xfa), to, a, b);
  }

  vpmulld(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x40), to, a, b);
  }

  vpmaxsd(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x3d), to, a, b);
  }

  vpminsd(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x39), to, a, b);
  }

  /** a * 2^floor(b), with the right result where that is not in the normal range. */
  vscalefps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x2c), to, a, b);
  }

  /** Any function of the three bits of `to`, a, b: bit (4 to + 2 a + b) of `truth`. */
  vpternlogd(to: Vector, a: Vector, b: Source, truth: number): void {
    this.two(i3a(0x25), to, a, b, truth);
  }

  vsqrtps(to: Vector, from: Source): void {
    this.one(ps(0x51), to, from);
  }

  vsqrtpd(to: Vector, from: Source): void {
    this.one(pd(0x51), to, from);
  }

  vgetexpps(to: Vector, from: Source): void {
    this.one(i38(0x42), to, from);
  }

  /** 1 / sqrt(x) to 14 bits. */
  vrsqrt14ps(to: Vector, from: Source): void {
    this.one(i38(0x4e), to, from);
  }

  /** 1 / x to 14 bits. */
  vrcp14ps(to: Vector, from: Source): void {
    this.one(i38(0x4c), to, from);
  }

  /** Rounded to the nearest integer. */
  vcvtps2dq(to: Vector, from: Source): void {
    this.one(i0f(0x5b), to, from);
  }

  /** Towards zero. */
  vcvttps2dq(to: Vector, from: Source): void {
    this.one({ ...ps(0x5b), prefix: 2 }, to, from);
  }

  vcvtdq2ps(to: Vector, from: Source): void {
    this.one(ps(0x5b), to, from);
  }

  vcvtps2pd(to: Vector, from: Source): void {
    this.one(reading(ps(0x5a), 'half'), to, from);
  }

  /** Into half a register. */
  vcvtpd2ps(to: Vector, from: Vector): void {
    this.one(pd(0x5a), new VectorRegister(to.index, from.bits, to.mask, to.isZeroing), from);
  }

  /** See ROUND. */
  vrndscaleps(to: Vector, from: Source, rounding: number): void {
    this.one(i3a(0x08), to, from, rounding);
  }

  vgetmantps(to: Vector, from: Source, interval: number): void {
    this.one(i3a(0x26), to, from, interval);
  }

  vcmpps(to: MaskRegister, a: Vector, b: Source, predicate: number, within: MaskRegister | null = null): void {
    this.compare(ps(0xc2), to, a, b, predicate, within);
  }

  vpcmpd(to: MaskRegister, a: Vector, b: Source, predicate: number, within: MaskRegister | null = null): void {
    this.compare(i3a(0x1f), to, a, b, predicate, within);
  }

  vptestmd(to: MaskRegister, a: Vector, b: Source, within: MaskRegister | null = null): void {
    this.compare(i38(0x27), to, a, b, null, within);
  }

  vpslld(to: Vector, from: Source, count: number): void {
    this.shift(i0f(0x72), 6, to, from, count);
  }

  vpsrld(to: Vector, from: Source, count: number): void {
    this.shift(i0f(0x72), 2, to, from, count);
  }

  vpsrad(to: Vector, from: Source, count: number): void {
    this.shift(i0f(0x72), 4, to, from, count);
  }

  /** to = (to * b) + a. */
  vfmadd132ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x98), to, a, b);
  }

  /** to = (to * b) + a. */
  vfmadd132ss(to: Vector, a: Vector, b: Source): void {
    this.two(single(i38(0x99)), to, a, b);
  }

  /** to = (to * b) + a. */
  vfmadd132pd(to: Vector, a: Vector, b: Source): void {
    this.two(wide(i38(0x98)), to, a, b);
  }

  /** to = (a * to) + b. */
  vfmadd213ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xa8), to, a, b);
  }

  /** to = (a * to) + b. */
  vfmadd213ss(to: Vector, a: Vector, b: Source): void {
    this.two(single(i38(0xa9)), to, a, b);
  }

  /** to = (a * to) + b. */
  vfmadd213pd(to: Vector, a: Vector, b: Source): void {
    this.two(wide(i38(0xa8)), to, a, b);
  }

  /** to = (a * b) + to. */
  vfmadd231ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xb8), to, a, b);
  }

  /** to = (a * b) + to. */
  vfmadd231ss(to: Vector, a: Vector, b: Source): void {
    this.two(single(i38(0xb9)), to, a, b);
  }

  /** to = (a * b) + to. */
  vfmadd231pd(to: Vector, a: Vector, b: Source): void {
    this.two(wide(i38(0xb8)), to, a, b);
  }

  /** to = (to * b) - a. */
  vfmsub132ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x9a), to, a, b);
  }

  /** to = (a * to) - b. */
  vfmsub213ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xaa), to, a, b);
  }

  /** to = (a * b) - to. */
  vfmsub231ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xba), to, a, b);
  }

  /** to = -(to * b) + a. */
  vfnmadd132ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x9c), to, a, b);
  }

  /** to = -(to * b) + a. */
  vfnmadd132ss(to: Vector, a: Vector, b: Source): void {
    this.two(single(i38(0x9d)), to, a, b);
  }

  /** to = -(to * b) + a. */
  vfnmadd132pd(to: Vector, a: Vector, b: Source): void {
    this.two(wide(i38(0x9c)), to, a, b);
  }

  /** to = -(a * to) + b. */
  vfnmadd213ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xac), to, a, b);
  }

  /** to = -(a * to) + b. */
  vfnmadd213ss(to: Vector, a: Vector, b: Source): void {
    this.two(single(i38(0xad)), to, a, b);
  }

  /** to = -(a * to) + b. */
  vfnmadd213pd(to: Vector, a: Vector, b: Source): void {
    this.two(wide(i38(0xac)), to, a, b);
  }

  /** to = -(a * b) + to. */
  vfnmadd231ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xbc), to, a, b);
  }

  /** to = -(a * b) + to. */
  vfnmadd231ss(to: Vector, a: Vector, b: Source): void {
    this.two(single(i38(0xbd)), to, a, b);
  }

  /** to = -(a * b) + to. */
  vfnmadd231pd(to: Vector, a: Vector, b: Source): void {
    this.two(wide(i38(0xbc)), to, a, b);
  }

  /** to = -(to * b) - a. */
  vfnmsub132ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x9e), to, a, b);
  }

  /** to = -(a * to) - b. */
  vfnmsub213ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xae), to, a, b);
  }

  /** to = -(a * b) - to. */
  vfnmsub231ps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0xbe), to, a, b);
  }
}
