// VectorMoves: code with the instructions that move and rearrange the elements of vectors. Each method appends one
// instruction, named as in Intel's manual, destination first.
import { GeneralRegister, type MaskRegister } from './registers.js';
import { f3, i3a, i38, pd, ps, reading, single, type Source, ss, type Vector, VectorCode } from './vector-code.js';

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

  /** Elements of 16 bits, as many as the mask has bits. */
  vmovdqu16(to: Source, from: Source, mask: MaskRegister | null = null): void {
    const words = { map: 1, prefix: 3, w: 1, reads: 'vector' } as const;
    this.transfer({ ...words, code: 0x6f }, { ...words, code: 0x7f }, to, from, mask);
  }

  /** 16-bit integers, without sign, to 32 bits: `from` is half as long. */
  vpmovzxwd(to: Vector, from: Source): void {
    this.one(reading(i38(0x33), 'half'), to, from);
  }

  /** The lower halves of 32-bit integers: `to` is half as long as `from`. */
  vpmovdw(to: Source, from: Vector, mask: MaskRegister | null = null): void {
    this.store(reading(f3(0x33), 'half'), to, from, mask);
  }

  /** Between memory and the lowest element; a load makes the others 0. */
  vmovss(to: Source, from: Source, mask: MaskRegister | null = null): void {
    this.transfer(ss(0x10), ss(0x11), to, from, mask);
  }

  /** One 32-bit float, from memory or the lowest element, into all elements. */
  vbroadcastss(to: Vector, from: Source): void {
    this.one(single(i38(0x18)), to, from);
  }

  /** 32 bits, from a general register, memory or the lowest element, into all elements. */
  vpbroadcastd(to: Vector, from: General | Source): void {
    this.one(from instanceof GeneralRegister ? i38(0x7c) : single(i38(0x58)), to, from);
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

  /** Within every 128 bits. */
  vpermilps(to: Vector, from: Source, order: number): void {
    this.one(i3a(0x04), to, from, order);
  }

  /** Parts of 128 bits. */
  vshuff32x4(to: Vector, a: Vector, b: Source, order: number): void {
    this.two(i3a(0x23), to, a, b, order);
  }

  /** Element i of `to` is element indices[i] of `from`. */
  vpermps(to: Vector, indices: Vector, from: Source): void {
    this.two(i38(0x16), to, indices, from);
  }
}
