// VectorCode: code with the forms that instructions on vectors come in: which operand is encoded where. The
// instructions themselves are its subclasses.
import { invariant } from '../../core/invariant.js';
import { type AnyRegister, evex, type EvexState, type Instruction, int8, type VectorOpcode, vex } from './encoding.js';
import { MemoryOperand } from './memory.js';
import { type MaskRegister, VectorRegister } from './registers.js';
import { TileCode } from './tile-code.js';

export type Vector = VectorRegister;
/** What a last operand may be. */
export type Source = VectorRegister | MemoryOperand;

/**
 * Opcodes by prefix, map and element: `ps` is 0F with 32-bit floats, `i38` is 66 0F38 with 32-bit elements, `f3` is
 * F3 0F38, and so on.
 */
export const ps = (code: number): VectorOpcode => ({ map: 1, prefix: 0, w: 0, code, reads: 'vector' });
export const pd = (code: number): VectorOpcode => ({ map: 1, prefix: 1, w: 1, code, reads: 'vector' });
export const ss = (code: number): VectorOpcode => ({ map: 1, prefix: 2, w: 0, code, reads: 'element' });
export const i0f = (code: number): VectorOpcode => ({ map: 1, prefix: 1, w: 0, code, reads: 'vector' });
export const i38 = (code: number): VectorOpcode => ({ map: 2, prefix: 1, w: 0, code, reads: 'vector' });
export const f3 = (code: number): VectorOpcode => ({ map: 2, prefix: 2, w: 0, code, reads: 'vector' });
export const i3a = (code: number): VectorOpcode => ({ map: 3, prefix: 1, w: 0, code, reads: 'vector' });
/** The same with 64-bit elements. */
export const wide = (opcode: VectorOpcode): VectorOpcode => ({ ...opcode, w: 1 });
/** The same on one element. */
export const single = (opcode: VectorOpcode): VectorOpcode => ({ ...opcode, reads: 'element' });
/** The same with another operand in memory. */
export const reading = (opcode: VectorOpcode, reads: VectorOpcode['reads']): VectorOpcode => ({ ...opcode, reads });

const noMask = { mask: null, isZeroing: false };

/**
 * Which prefix vector instructions get: `evex` has masks, 32 registers and 512 bits, and needs AVX-512; `vex` has none
 * of them, and needs AVX2.
 */
export type VectorEncoding = 'evex' | 'vex';

export class VectorCode extends TileCode {
  readonly #encoding: VectorEncoding;

  constructor(encoding: VectorEncoding = 'evex') {
    super();
    this.#encoding = encoding;
  }

  /** to = f(a, b): b may be in memory. The vectors are as long as `to`. */
  protected two(opcode: VectorOpcode, to: Vector, a: Vector, b: Source, ...immediate: readonly number[]): void {
    this.emitInstruction(this.#encoded(opcode, to, to.index, a.index, b, immediate.flatMap(int8)));
  }

  /** to = f(from). */
  protected one(
    opcode: VectorOpcode,
    to: Vector,
    from: AnyRegister | MemoryOperand,
    ...immediate: readonly number[]
  ): void {
    this.emitInstruction(this.#encoded(opcode, to, to.index, 0, from, immediate.flatMap(int8)));
  }

  /** to = f(from), elements of half the size: `from` is twice as long as `to`. */
  protected narrow(opcode: VectorOpcode, to: Vector, from: Source): void {
    const { mask, isZeroing } = to;
    invariant(to.bits !== 512, () => 'a vector of 1024 bits');
    this.emitInstruction(evex(opcode, { bits: to.bits === 128 ? 256 : 512, mask, isZeroing }, to.index, 0, from));
  }

  /** Writes (a part of) a vector into memory, under a mask if there is one, or into another register. */
  protected store(
    opcode: VectorOpcode,
    to: Source | AnyRegister,
    from: Vector,
    mask: MaskRegister | null,
    ...immediate: readonly number[]
  ): void {
    const state = to instanceof VectorRegister ? { ...to, bits: from.bits } : { bits: from.bits, ...noMask, mask };
    this.emitInstruction(this.#encoded(opcode, state, from.index, 0, to, immediate.flatMap(int8)));
  }

  /** to = from shifted by a number. */
  protected shift(opcode: VectorOpcode, extension: number, to: Vector, from: Source, count: number): void {
    this.emitInstruction(evex(opcode, to, extension, to.index, from, int8(count)));
  }

  /** A mask of the elements for which something holds; `within` leaves out others. */
  protected compare(
    opcode: VectorOpcode,
    to: MaskRegister,
    a: Vector,
    b: Source,
    immediate: number | null,
    within: MaskRegister | null,
  ): void {
    this.emitInstruction(
      evex(
        opcode,
        { ...noMask, bits: a.bits, mask: within },
        to.index,
        a.index,
        b,
        immediate === null ? [] : int8(immediate),
      ),
    );
  }

  /** Between memory and a register, in either direction: to memory, `mask` says which elements are written. */
  protected transfer(
    load: VectorOpcode,
    store: VectorOpcode,
    to: Source,
    from: Source,
    mask: MaskRegister | null,
  ): void {
    if (to instanceof VectorRegister) this.one(load, to, from);
    else {
      invariant(from instanceof VectorRegister, () => 'two operands in memory');
      this.store(store, to, from, mask);
    }
  }

  #encoded(
    opcode: VectorOpcode,
    state: EvexState,
    reg: number,
    vvvv: number,
    rm: AnyRegister | MemoryOperand,
    immediate: readonly number[],
  ): Instruction {
    if (this.#encoding === 'evex') return evex(opcode, state, reg, vvvv, rm, immediate);
    const { bits, mask } = state;
    const isRepeated = rm instanceof MemoryOperand && rm.isBroadcast;
    const highest = Math.max(reg, vvvv, rm instanceof MemoryOperand ? 0 : rm.index);
    invariant(
      bits !== 512 && mask === null && !isRepeated && highest < 16,
      () => `instruction ${opcode.code.toString(16)} needs AVX-512: ${bits} bits, register ${highest}`,
    );
    // Where the prefix tells the kind of element, VEX ignores W, and without it an instruction may be shorter.
    return vex(opcode.map === 1 ? { ...opcode, w: 0 } : opcode, bits === 256 ? 1 : 0, reg, vvvv, rm, immediate);
  }
}
