// VectorMoves: code with the instructions that move and rearrange the elements of vectors. Each method appends one
// instruction, named as in Intel's manual, destination first.
import type { MemoryOperand } from './memory.js';
import { GeneralRegister, type MaskRegister, VectorRegister } from './registers.js';
import {
  i0f,
  i3a,
  i38,
  pd,
  ps,
  reading,
  sd,
  single,
  type Source,
  ss,
  type Vector,
  VectorCode,
  wide,
} from './vector-code.js';

type General = GeneralRegister;

export class VectorMoves extends VectorCode {
  vmovups(to: Source, from: Source, mask: MaskRegister | null = null): void {
    this.transfer(ps(0x10), ps(0x11), to, from, mask);
  }

  /** The address must be a multiple of the vector's size. */
  vmovaps(to: Source, from: Source, mask: MaskRegister | null = null): void {
    this.transfer(ps(0x28), ps(0x29), to, from, mask);
  }

  vmovupd(to: Source, from: Source, mask: MaskRegister | null = null): void {
    this.transfer(pd(0x10), pd(0x11), to, from, mask);
  }

  /** Past the caches; the address must be a multiple of the vector's size. */
  vmovntps(to: MemoryOperand, from: Vector): void {
    this.store(ps(0x2b), to, from, null);
  }

  vmovdqu32(to: Source, from: Source, mask: MaskRegister | null = null): void {
    this.transfer({ ...ss(0x6f), reads: 'vector' }, { ...ss(0x7f), reads: 'vector' }, to, from, mask);
  }

  /** Between memory and the lowest element; a load makes the others 0. */
  vmovss(to: Source, from: Source, mask: MaskRegister | null = null): void {
    this.transfer(ss(0x10), ss(0x11), to, from, mask);
  }

  vmovsd(to: Source, from: Source, mask: MaskRegister | null = null): void {
    this.transfer(sd(0x10), sd(0x11), to, from, mask);
  }

  /** 32 bits between a general register (or memory) and the lowest element. */
  vmovd(to: Vector | General, from: Vector | General | MemoryOperand): void {
    if (to instanceof VectorRegister) this.one(single(i0f(0x6e)), to, from);
    else this.store(single(i0f(0x7e)), to, from as Vector, null);
  }

  /** 64 bits between a general register and the lowest element. */
  vmovq(to: Vector | General, from: Vector | General): void {
    if (to instanceof VectorRegister) this.one(single(wide(i0f(0x6e))), to, from);
    else this.store(single(wide(i0f(0x7e))), to, from as Vector, null);
  }

  /** One 32-bit float, from memory or the lowest element, into all elements. */
  vbroadcastss(to: Vector, from: Source): void {
    this.one(single(i38(0x18)), to, from);
  }

  vbroadcastsd(to: Vector, from: Source): void {
    this.one(single(wide(i38(0x19))), to, from);
  }

  /** Four floats from memory into every 128 bits. */
  vbroadcastf32x4(to: Vector, from: MemoryOperand): void {
    this.one(reading(i38(0x1a), 16), to, from);
  }

  vbroadcastf32x8(to: Vector, from: MemoryOperand): void {
    this.one(reading(i38(0x1b), 32), to, from);
  }

  /** 32 bits, from a general register, memory or the lowest element, into all elements. */
  vpbroadcastd(to: Vector, from: General | Source): void {
    this.one(from instanceof GeneralRegister ? i38(0x7c) : single(i38(0x58)), to, from);
  }

  /** The mask's elements from b, the others from a. */
  vblendmps(to: Vector, a: Vector, b: Source): void {
    this.two(i38(0x65), to, a, b);
  }

  vunpcklps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x14), to, a, b);
  }

  vunpckhps(to: Vector, a: Vector, b: Source): void {
    this.two(ps(0x15), to, a, b);
  }

  vunpcklpd(to: Vector, a: Vector, b: Source): void {
    this.two(pd(0x14), to, a, b);
  }

  vunpckhpd(to: Vector, a: Vector, b: Source): void {
    this.two(pd(0x15), to, a, b);
  }

  vshufps(to: Vector, a: Vector, b: Source, order: number): void {
    this.two(ps(0xc6), to, a, b, order);
  }

  /** Within every 128 bits. */
  vpermilps(to: Vector, from: Source, order: number): void {
    this.one(i3a(0x04), to, from, order);
  }

  /** Parts of 128 bits. */
  vshuff32x4(to: Vector, a: Vector, b: Source, order: number): void {
    this.two(i3a(0x23), to, a, b, order);
  }

  vshuff64x2(to: Vector, a: Vector, b: Source, order: number): void {
    this.two(wide(i3a(0x23)), to, a, b, order);
  }

  /** Element i of `to` is element indices[i] of `from`. */
  vpermps(to: Vector, indices: Vector, from: Source): void {
    this.two(i38(0x16), to, indices, from);
  }

  vpermd(to: Vector, indices: Vector, from: Source): void {
    this.two(i38(0x36), to, indices, from);
  }

  /** From the 32 elements of `to` and b; the indices are overwritten in vpermi2ps, the first table in vpermt2ps. */
  vpermi2ps(indices: Vector, a: Vector, b: Source): void {
    this.two(i38(0x77), indices, a, b);
  }

  vpermt2ps(to: Vector, indices: Vector, b: Source): void {
    this.two(i38(0x7f), to, indices, b);
  }

  vpermt2pd(to: Vector, indices: Vector, b: Source): void {
    this.two(wide(i38(0x7f)), to, indices, b);
  }

  /** Elements of a above those of b, shifted right by `count` elements. */
  valignd(to: Vector, a: Vector, b: Source, count: number): void {
    this.two(i3a(0x03), to, a, b, count);
  }

  vextractf32x4(to: Source, from: Vector, part: number): void {
    this.store(reading(i3a(0x19), 16), to, from, null, part);
  }

  vextractf32x8(to: Source, from: Vector, part: number): void {
    this.store(reading(i3a(0x1b), 32), to, from, null, part);
  }

  vextractf64x4(to: Source, from: Vector, part: number): void {
    this.store(reading(wide(i3a(0x1b)), 32), to, from, null, part);
  }

  vinsertf32x4(to: Vector, a: Vector, part: Source, place: number): void {
    this.two(reading(i3a(0x18), 16), to, a, part, place);
  }

  vinsertf32x8(to: Vector, a: Vector, part: Source, place: number): void {
    this.two(reading(i3a(0x1a), 32), to, a, part, place);
  }

  vinsertf64x4(to: Vector, a: Vector, part: Source, place: number): void {
    this.two(reading(wide(i3a(0x1a)), 32), to, a, part, place);
  }

  /** The upper two floats of b below those of a. */
  vmovhlps(to: Vector, a: Vector, b: Vector): void {
    this.two(ps(0x12), to, a, b);
  }

  /** Elements 1, 1, 3, 3 and so on. */
  vmovshdup(to: Vector, from: Source): void {
    this.one({ ...ps(0x16), prefix: 2 }, to, from);
  }
}
