// GeneralCode: code with the instructions on general registers: moves, integer arithmetic, branches, prefetches.
// Destination first, as in Intel's manual. Each method appends one instruction.
import { invariant } from '../../core/invariant.js';
import { Code } from './code.js';
import { general, int8, int32, int64, isInt8, rex } from './encoding.js';
import type { Label } from './label.js';
import { MemoryOperand } from './memory.js';
import { GeneralRegister, rax } from './registers.js';

type Register = GeneralRegister;
type Memory = MemoryOperand;

/** Condition codes, the lower half of the opcodes of jcc and cmovcc. */
const CONDITION = { b: 2, ae: 3, e: 4, ne: 5, be: 6, a: 7, s: 8, ns: 9, l: 12, ge: 13, le: 14, g: 15 } as const;

export class GeneralCode extends Code {
  /** Numbers that fit 32 bits with their sign take the short form; any 64 bits are possible for a 64-bit register. */
  mov(to: Register | Memory, from: Register | Memory | number | bigint): void {
    if (typeof from === 'number' || typeof from === 'bigint') {
      invariant(to instanceof GeneralRegister, () => 'mov of a number goes to a register');
      const value = BigInt(from);
      const isShort = value === BigInt.asIntN(32, value);
      if (to.bits === 64 && isShort) this.emitInstruction(general(64, [0xc7], 0, to, int32(Number(value))));
      else
        this.emit(
          ...rex(to.bits, 0, 0, to.index >> 3),
          0xb8 | (to.index & 7),
          ...(to.bits === 64 ? int64(value) : int32(Number(BigInt.asIntN(32, value)))),
        );
    } else this.#twoOperands(0x89, 0x8b, to, from);
  }

  lea(to: Register, from: Memory): void {
    this.emitInstruction(general(to.bits, [0x8d], to.index, from));
  }

  add(to: Register | Memory, from: Register | Memory | number): void {
    this.#arithmetic(0, to, from);
  }

  or(to: Register | Memory, from: Register | Memory | number): void {
    this.#arithmetic(1, to, from);
  }

  and(to: Register | Memory, from: Register | Memory | number): void {
    this.#arithmetic(4, to, from);
  }

  sub(to: Register | Memory, from: Register | Memory | number): void {
    this.#arithmetic(5, to, from);
  }

  xor(to: Register | Memory, from: Register | Memory | number): void {
    this.#arithmetic(6, to, from);
  }

  cmp(to: Register | Memory, from: Register | Memory | number): void {
    this.#arithmetic(7, to, from);
  }

  test(a: Register, b: Register | number): void {
    if (typeof b !== 'number') this.emitInstruction(general(a.bits, [0x85], b.index, a));
    else if (a.index === rax.index) this.emit(...rex(a.bits, 0, 0, 0), 0xa9, ...int32(b));
    else this.emitInstruction(general(a.bits, [0xf7], 0, a, int32(b)));
  }

  /** to *= from, or to = from * factor. */
  imul(to: Register, from: Register | Memory, factor?: number): void {
    if (factor === undefined) this.emitInstruction(general(to.bits, [0x0f, 0xaf], to.index, from));
    else if (isInt8(factor)) this.emitInstruction(general(to.bits, [0x6b], to.index, from, int8(factor)));
    else this.emitInstruction(general(to.bits, [0x69], to.index, from, int32(factor)));
  }

  shl(to: Register, count: number): void {
    this.#shift(4, to, count);
  }

  shr(to: Register, count: number): void {
    this.#shift(5, to, count);
  }

  inc(to: Register): void {
    this.emitInstruction(general(to.bits, [0xff], 0, to));
  }

  dec(to: Register): void {
    this.emitInstruction(general(to.bits, [0xff], 1, to));
  }

  push(register: Register): void {
    this.emit(...rex(32, 0, 0, register.index >> 3), 0x50 | (register.index & 7));
  }

  pop(register: Register): void {
    this.emit(...rex(32, 0, 0, register.index >> 3), 0x58 | (register.index & 7));
  }

  call(target: Register | Label): void {
    if (target instanceof GeneralRegister) this.emitInstruction(general(32, [0xff], 2, target));
    else this.emitBranch([0xe8], target);
  }

  jmp(target: Register | Label): void {
    if (target instanceof GeneralRegister) this.emitInstruction(general(32, [0xff], 4, target));
    else this.emitBranch([0xe9], target);
  }

  ret(): void {
    this.emit(0xc3);
  }

  /** rcx bytes from rdi on become al. */
  repStosb(): void {
    this.emit(0xf3, 0xaa);
  }

  je(label: Label): void {
    this.#jump('e', label);
  }

  jne(label: Label): void {
    this.#jump('ne', label);
  }

  /** Signed: less. */
  jl(label: Label): void {
    this.#jump('l', label);
  }

  jle(label: Label): void {
    this.#jump('le', label);
  }

  jg(label: Label): void {
    this.#jump('g', label);
  }

  jge(label: Label): void {
    this.#jump('ge', label);
  }

  /** Unsigned: below. */
  jb(label: Label): void {
    this.#jump('b', label);
  }

  jae(label: Label): void {
    this.#jump('ae', label);
  }

  /** Moves if the comparison before said so. */
  cmov(condition: keyof typeof CONDITION, to: Register, from: Register | Memory): void {
    this.emitInstruction(general(to.bits, [0x0f, 0x40 | CONDITION[condition]], to.index, from));
  }

  /** Into all cache levels. */
  prefetcht0(from: Memory): void {
    this.emitInstruction(general(32, [0x0f, 0x18], 1, from));
  }

  /** To be written. */
  prefetchw(from: Memory): void {
    this.emitInstruction(general(32, [0x0f, 0x0d], 1, from));
  }

  #jump(condition: keyof typeof CONDITION, label: Label): void {
    this.emitBranch([0x0f, 0x80 | CONDITION[condition]], label);
  }

  /** The form that writes memory or a register from a register, and the one that reads memory. */
  #twoOperands(store: number, load: number, to: Register | Memory, from: Register | Memory): void {
    if (from instanceof GeneralRegister) this.emitInstruction(general(from.bits, [store], from.index, to));
    else {
      invariant(to instanceof GeneralRegister, () => 'two operands in memory');
      this.emitInstruction(general(to.bits, [load], to.index, from));
    }
  }

  #arithmetic(extension: number, to: Register | Memory, from: Register | Memory | number): void {
    if (typeof from !== 'number') this.#twoOperands((extension << 3) | 1, (extension << 3) | 3, to, from);
    else {
      const bits = to instanceof MemoryOperand ? 64 : to.bits;
      invariant(from === (from | 0), () => `${from} does not fit 32 bits with its sign`);
      if (isInt8(from)) this.emitInstruction(general(bits, [0x83], extension, to, int8(from)));
      else if (to instanceof GeneralRegister && to.index === rax.index)
        this.emit(...rex(bits, 0, 0, 0), (extension << 3) | 5, ...int32(from));
      else this.emitInstruction(general(bits, [0x81], extension, to, int32(from)));
    }
  }

  #shift(extension: number, to: Register, count: number): void {
    if (count === 1) this.emitInstruction(general(to.bits, [0xd1], extension, to));
    else this.emitInstruction(general(to.bits, [0xc1], extension, to, int8(count)));
  }
}
