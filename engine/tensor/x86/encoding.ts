// Encoding: the bytes of prefixes (REX, VEX, EVEX) and of operands (ModRM, SIB, displacement) of x86-64 instructions;
// Intel's manual, volume 2, chapter 2. Which opcode an instruction has is not known here.
import { invariant } from '../../core/invariant.js';
import type { Label } from './label.js';
import { MemoryOperand } from './memory.js';
import type { GeneralRegister, MaskRegister, TileRegister, VectorRegister } from './registers.js';

export type AnyRegister = GeneralRegister | VectorRegister | MaskRegister | TileRegister;

/** What an instruction is made of, before labels are known. */
export interface Instruction {
  readonly bytes: readonly number[];
  /**
   * Where `bytes` has four bytes of a distance to a label, measured from the instruction's end, and what is to be added
   * to it.
   */
  readonly fixUp: { readonly at: number; readonly label: Label; readonly addend: number } | null;
}

/**
 * Opcode of a vector instruction. `map`: 1 = 0F, 2 = 0F38, 3 = 0F3A. `prefix`: 0 none, 1 = 66, 2 = F3, 3 = F2. `w`:
 * EVEX.W.
 */
export interface VectorOpcode {
  readonly map: 1 | 2 | 3;
  readonly prefix: 0 | 1 | 2 | 3;
  readonly w: 0 | 1;
  readonly code: number;
  /**
   * What a memory operand is, which displacements of 8 bits are counted in: whole vectors (or one element repeated),
   * half ones, one element (of the size that W says), or so many bytes.
   */
  readonly reads: 'vector' | 'half' | 'element' | number;
}

export const int8 = (value: number): readonly number[] => [value & 0xff];
export const int32 = (value: number): readonly number[] => [0, 8, 16, 24].map((shift) => (value >> shift) & 0xff);
export const int64 = (value: bigint): readonly number[] => [
  ...int32(Number(BigInt.asIntN(32, value))),
  ...int32(Number(BigInt.asIntN(32, value >> 32n))),
];
export const isInt8 = (value: number): boolean => value >= -128 && value <= 127;

const bit = (value: number, at: number): number => (value >> at) & 1;

interface OperandBytes {
  readonly bytes: readonly number[];
  /** Of the displacement in `bytes`, for a label. */
  readonly label: { readonly at: number; readonly label: Label; readonly addend: number } | null;
}

/** ModRM, SIB, displacement. `reg` is the register field; displacements of one byte count in `unit` bytes. */
function operandBytes(reg: number, rm: AnyRegister | MemoryOperand, unit: number): OperandBytes {
  const field = (reg & 7) << 3;
  if (!(rm instanceof MemoryOperand)) return { bytes: [0xc0 | field | (rm.index & 7)], label: null };
  const { base, index, scale, disp } = rm;
  if (rm.label !== null) return { bytes: [field | 5, 0, 0, 0, 0], label: { at: 1, label: rm.label, addend: disp } };
  invariant(base !== null, () => 'a memory operand has no base');
  // rbp and r13 as a base without displacement mean something else, so they get one of 0; rsp and r12 need a SIB byte.
  const short = disp / unit;
  const size = disp === 0 && (base.index & 7) !== 5 ? 0 : Number.isInteger(short) && isInt8(short) ? 1 : 2;
  const bytes = [];
  if (index !== null || (base.index & 7) === 4) {
    bytes.push((size << 6) | field | 4, (Math.log2(scale) << 6) | (((index?.index ?? 4) & 7) << 3) | (base.index & 7));
  } else bytes.push((size << 6) | field | (base.index & 7));
  if (size === 1) bytes.push(...int8(short));
  else if (size === 2) bytes.push(...int32(disp));
  return { bytes, label: null };
}

/** Bits 3 of the parts of an operand, for REX.X and REX.B and their likes. */
function highBits(rm: AnyRegister | MemoryOperand): { readonly x: number; readonly b: number } {
  if (rm instanceof MemoryOperand) return { x: bit(rm.index?.index ?? 0, 3), b: bit(rm.base?.index ?? 0, 3) };
  return { x: bit(rm.index, 4), b: bit(rm.index, 3) };
}

function joined(prefix: readonly number[], operand: OperandBytes, immediate: readonly number[]): Instruction {
  const { label } = operand;
  return {
    bytes: [...prefix, ...operand.bytes, ...immediate],
    fixUp: label === null ? null : { ...label, at: prefix.length + label.at },
  };
}

/** An instruction on general registers with a ModRM byte. `reg` is a register's number or the opcode's extension. */
export function general(
  bits: 32 | 64,
  opcode: readonly number[],
  reg: number,
  rm: AnyRegister | MemoryOperand,
  immediate: readonly number[] = [],
): Instruction {
  const { x, b } = highBits(rm);
  return joined([...rex(bits, bit(reg, 3), x, b), ...opcode], operandBytes(reg, rm, 1), immediate);
}

export function rex(bits: 32 | 64, r: number, x: number, b: number): readonly number[] {
  const flags = ((bits === 64 ? 1 : 0) << 3) | (r << 2) | (x << 1) | b;
  return flags === 0 ? [] : [0x40 | flags];
}

/**
 * An instruction on mask registers, or on vectors of 128 (L = 0) or 256 bits: VEX. `vvvv` is the second register's
 * number, 0 where there is none.
 */
export function vex(
  { map, prefix, w, code }: Omit<VectorOpcode, 'reads'>,
  l: 0 | 1,
  reg: number,
  vvvv: number,
  rm: AnyRegister | MemoryOperand,
  immediate: readonly number[] = [],
): Instruction {
  const { x, b } = highBits(rm);
  const tail = ((~vvvv & 15) << 3) | (l << 2) | prefix;
  const isShort = map === 1 && w === 0 && x === 0 && b === 0;
  const start = isShort
    ? [0xc5, ((1 - bit(reg, 3)) << 7) | tail]
    : [0xc4, ((1 - bit(reg, 3)) << 7) | ((1 - x) << 6) | ((1 - b) << 5) | map, (w << 7) | tail];
  return joined([...start, code], operandBytes(reg, rm, 1), immediate);
}

/** What an EVEX prefix says besides the operands. */
export interface EvexState {
  readonly bits: 128 | 256 | 512;
  readonly mask: MaskRegister | null;
  readonly isZeroing: boolean;
}

/** An instruction on vectors: EVEX. `vvvv` is the second register's number, 0 where there is none. */
export function evex(
  { map, prefix, w, code, reads }: VectorOpcode,
  { bits, mask, isZeroing }: EvexState,
  reg: number,
  vvvv: number,
  rm: AnyRegister | MemoryOperand,
  immediate: readonly number[] = [],
): Instruction {
  const { x, b } = highBits(rm);
  const isBroadcast = rm instanceof MemoryOperand && rm.isBroadcast;
  invariant(
    !isBroadcast || reads === 'vector' || reads === 'half',
    () => `instruction ${code.toString(16)} cannot repeat an element`,
  );
  const element = w === 1 ? 8 : 4;
  const unit =
    typeof reads === 'number'
      ? reads
      : reads === 'element' || isBroadcast
        ? reads === 'half'
          ? 4
          : element
        : reads === 'half'
          ? bits / 16
          : bits / 8;
  const start = [
    0x62,
    ((1 - bit(reg, 3)) << 7) | ((1 - x) << 6) | ((1 - b) << 5) | ((1 - bit(reg, 4)) << 4) | map,
    (w << 7) | ((~vvvv & 15) << 3) | 4 | prefix,
    ((isZeroing ? 1 : 0) << 7) |
      (Math.log2(bits / 128) << 5) |
      ((isBroadcast ? 1 : 0) << 4) |
      ((1 - bit(vvvv, 4)) << 3) |
      (mask?.index ?? 0),
  ];
  return joined([...start, code], operandBytes(reg, rm, unit), immediate);
}
