// Registers of x86-64: general ones, vector ones (xmm, ymm, zmm: the same register at three widths), the mask registers
// of AVX-512 and the tiles of AMX. Names only; how they are encoded is for encoding.ts.
import { invariant } from '../../core/invariant.js';

export class GeneralRegister {
  readonly index: number;
  readonly bits: 32 | 64;

  constructor(index: number, bits: 32 | 64) {
    this.index = index;
    this.bits = bits;
  }

  /** Its lower half: eax of rax. */
  get low(): GeneralRegister {
    return new GeneralRegister(this.index, 32);
  }
}

export class MaskRegister {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}

/** A tile: up to 16 rows of 64 bytes. */
export class TileRegister {
  readonly index: number;

  constructor(index: number) {
    invariant(Number.isInteger(index) && index >= 0 && index < 8, () => `tile register ${index}`);
    this.index = index;
  }
}

/** A vector register; as a destination it may carry the mask that says which elements are written. */
export class VectorRegister {
  readonly index: number;
  readonly bits: 128 | 256 | 512;
  readonly mask: MaskRegister | null;
  /** Whether elements that the mask leaves out become 0 instead of staying. */
  readonly isZeroing: boolean;

  constructor(index: number, bits: 128 | 256 | 512, mask: MaskRegister | null = null, isZeroing = false) {
    invariant(Number.isInteger(index) && index >= 0 && index < 32, () => `vector register ${index}`);
    this.index = index;
    this.bits = bits;
    this.mask = mask;
    this.isZeroing = isZeroing;
  }

  /** As a destination: elements outside the mask stay as they are. */
  masked(mask: MaskRegister): VectorRegister {
    return new VectorRegister(this.index, this.bits, mask);
  }

  /** As a destination: elements outside the mask become 0. */
  zeroed(mask: MaskRegister): VectorRegister {
    return new VectorRegister(this.index, this.bits, mask, true);
  }

  /** Its lowest 128 bits. */
  get xmm(): VectorRegister {
    return new VectorRegister(this.index, 128);
  }

  /** Its lowest 256 bits. */
  get ymm(): VectorRegister {
    return new VectorRegister(this.index, 256);
  }
}
export const ymm = (index: number): VectorRegister => new VectorRegister(index, 256);
export const tmm = (index: number): TileRegister => new TileRegister(index);
export const zmm = (index: number): VectorRegister => new VectorRegister(index, 512);

export const rax = new GeneralRegister(0, 64);
export const rcx = new GeneralRegister(1, 64);
export const rdx = new GeneralRegister(2, 64);
export const rbx = new GeneralRegister(3, 64);
export const rsp = new GeneralRegister(4, 64);
export const rbp = new GeneralRegister(5, 64);
export const rsi = new GeneralRegister(6, 64);
export const rdi = new GeneralRegister(7, 64);
export const r8 = new GeneralRegister(8, 64);
export const r9 = new GeneralRegister(9, 64);
export const r10 = new GeneralRegister(10, 64);
export const r11 = new GeneralRegister(11, 64);
export const r12 = new GeneralRegister(12, 64);
export const r13 = new GeneralRegister(13, 64);
export const r14 = new GeneralRegister(14, 64);
export const r15 = new GeneralRegister(15, 64);
export const eax = rax.low;
export const ecx = rcx.low;
export const edx = rdx.low;
export const k1 = new MaskRegister(1);
export const k2 = new MaskRegister(2);
export const k3 = new MaskRegister(3);
