// HalfPacking: copies matrices of bfloat16 into the order in which tiles and blocks read them. An element of what is
// packed has 32 bits: a pair of bfloat16 that follow each other on the inner axis (zero behind its end), or one
// bfloat16 widened to float32. It computes nothing.
import type { Assembler } from '../x86/assembler.js';
import { mem, type MemoryOperand } from '../x86/memory.js';
import {
  k2,
  type MaskRegister,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  type VectorRegister,
  zmm,
} from '../x86/registers.js';
import { emitMask, emitTransposition } from './packing.js';
import { VECTOR } from './tile.js';

export type HalfElement = 'pair' | 'widened';

const HALF = 2;
const ELEMENT = 4;
const VECTOR_BYTES = VECTOR * ELEMENT;
/** bfloat16 in an element. */
export const stepsOf = (element: HalfElement): number => (element === 'pair' ? 2 : 1);

/** Sets a mask of 16-bit elements to the first `count`, at most 31. */
function emitWordMask(a: Assembler, mask: MaskRegister, count: number): void {
  a.mov(rax, 2 ** count - 1);
  a.kmovd(mask, rax.low);
}

const zero = (a: Assembler, register: VectorRegister): void => a.vpxord(register, register, register);

/** Elements of 16 neighbouring columns from their row, or from their two rows; a row of null is one of zeros. */
function emitColumns(
  a: Assembler,
  to: VectorRegister,
  rows: readonly [MemoryOperand, MemoryOperand | null],
  element: HalfElement,
  mask: MaskRegister | null,
): void {
  const [first, second] = rows;
  const t = zmm(31);
  const only = (register: VectorRegister) => (mask === null ? register : register.zeroed(mask));
  a.vpmovzxwd(only(to), first);
  if (element === 'widened') return a.vpslld(to, to, 16);
  if (second === null) return;
  a.vpmovzxwd(only(t), second);
  a.vpslld(t, t, 16);
  a.vpord(to, to, t);
}

/** 16 elements of one row; `mask` says which bfloat16 there are. */
function emitElements(
  a: Assembler,
  to: VectorRegister,
  from: MemoryOperand,
  element: HalfElement,
  mask: MaskRegister | null,
): void {
  const only = mask === null ? to : to.zeroed(mask);
  if (element === 'pair') return a.vmovdqu16(only, from);
  a.vpmovzxwd(only, from);
  a.vpslld(to, to, 16);
}

/** Runs `write` a number of times that is known. */
function emitTimes(a: Assembler, count: number, write: () => void): void {
  if (count === 0) return;
  a.mov(r14, count);
  const loop = a.bind();
  write();
  a.dec(r14);
  a.jne(loop);
}

export interface HalfPanel {
  readonly element: HalfElement;
  /** Columns that there are, of `vectors` vectors. */
  readonly columns: number;
  readonly vectors: number;
  readonly inner: number;
  /** Elements of a column of the panel; zeros behind those of the inner axis. */
  readonly units: number;
  /** Bytes from one row (or column, where those lie in a row) of the matrix to the next. */
  readonly rowBytes: number;
}

/**
 * One panel, [units, columns], from a B that lies [inner, columns]. r11: its first row; r12: the panel, left behind its
 * end. Changes r11, r14, rax, k2, vectors.
 */
export function emitHalfRowPanel(a: Assembler, panel: HalfPanel): void {
  const { element, columns, vectors, inner, units, rowBytes } = panel;
  const steps = stepsOf(element);
  const rest = columns % VECTOR;
  if (rest > 0) emitMask(a, k2, rest);
  const unit = (isLast: boolean): void => {
    for (let v = 0; v < vectors; v++) {
      const left = columns - v * VECTOR;
      const row = (i: number) => mem(r11, { disp: i * rowBytes + v * VECTOR * HALF });
      if (left <= 0) zero(a, zmm(v));
      else emitColumns(a, zmm(v), [row(0), isLast ? null : row(1)], element, left < VECTOR ? k2 : null);
      a.vmovups(mem(r12, { disp: v * VECTOR_BYTES }), zmm(v));
    }
    a.add(r11, steps * rowBytes);
    a.add(r12, vectors * VECTOR_BYTES);
  };
  emitTimes(a, Math.floor(inner / steps), () => unit(false));
  if (inner % steps > 0) unit(true);
  const missing = units - Math.ceil(inner / steps);
  if (missing > 0) zero(a, zmm(0));
  for (let i = 0; i < missing * vectors; i++) a.vmovups(mem(r12, { disp: i * VECTOR_BYTES }), zmm(0));
  if (missing > 0) a.add(r12, missing * vectors * VECTOR_BYTES);
}

/**
 * One panel from a B that lies [columns, inner]. r11: its first column; r12: the panel, left behind its end. Changes
 * r11, r13 to r15, rax, rbp, k2, all vectors.
 */
export function emitHalfColumnPanel(a: Assembler, panel: HalfPanel): void {
  const { element, columns, vectors, inner, units, rowBytes } = panel;
  const length = VECTOR * stepsOf(element);
  const panelStride = vectors * VECTOR_BYTES;
  const rest = inner % length;
  a.mov(rbp, r11);
  a.mov(r13, r12);
  if (rest > 0) emitWordMask(a, k2, rest);
  const transposed = (rows: number, isRest: boolean, count: number): void => {
    for (let i = 0; i < VECTOR; i++) {
      if (i < rows) emitElements(a, zmm(i), mem(r11, { disp: i * rowBytes }), element, isRest ? k2 : null);
      else zero(a, zmm(i));
    }
    emitTransposition(a);
    for (let i = 0; i < count; i++) a.vmovups(mem(r12, { disp: i * panelStride }), zmm(i));
  };
  for (let v = 0; v < vectors; v++) {
    const rows = Math.max(0, Math.min(VECTOR, columns - v * VECTOR));
    a.lea(r11, mem(rbp, { disp: v * VECTOR * rowBytes }));
    a.lea(r12, mem(r13, { disp: v * VECTOR_BYTES }));
    const whole = Math.floor(inner / length);
    emitTimes(a, whole, () => {
      transposed(rows, false, VECTOR);
      a.add(r11, length * HALF);
      a.add(r12, VECTOR * panelStride);
    });
    if (rest > 0) transposed(rows, true, units - whole * VECTOR);
  }
  a.lea(r12, mem(r13, { disp: units * panelStride }));
}

/**
 * Rows of A, from an A that lies so, as rows of elements with zeros up to a whole vector. r11: the first one; r12:
 * where they go, `to` bytes from one to the next; at least one row. Changes r11 to r15, rax, k2, one vector.
 */
export function emitHalfRows(
  a: Assembler,
  { element, inner, rowBytes }: Pick<HalfPanel, 'element' | 'inner' | 'rowBytes'>,
  rows: number,
  to: number,
): void {
  const length = VECTOR * stepsOf(element);
  const [whole, rest] = [Math.floor(inner / length), inner % length];
  if (rest > 0) emitWordMask(a, k2, rest);
  a.mov(r15, rows);
  const loop = a.bind();
  a.mov(r13, r11);
  a.mov(rax, r12);
  emitTimes(a, whole, () => {
    emitElements(a, zmm(0), mem(r13), element, null);
    a.vmovups(mem(rax), zmm(0));
    a.add(r13, length * HALF);
    a.add(rax, VECTOR_BYTES);
  });
  if (rest > 0) {
    emitElements(a, zmm(0), mem(r13), element, k2);
    a.vmovups(mem(rax), zmm(0));
  }
  a.add(r11, rowBytes);
  a.add(r12, to);
  a.dec(r15);
  a.jne(loop);
}

/**
 * Rows of pairs of A with zeros up to a whole vector, from an A that lies [inner, rows]. r11: its first element; r12:
 * where they go, `to` bytes from one to the next, room for a multiple of 16. Changes r11 to r15, rax, k2, all vectors.
 */
export function emitTransposedPairs(
  a: Assembler,
  { inner, rowBytes }: Pick<HalfPanel, 'inner' | 'rowBytes'>,
  rows: number,
  to: number,
): void {
  const length = 2 * VECTOR;
  const block = (steps: number, mask: MaskRegister | null): void => {
    for (let i = 0; i < VECTOR; i++) {
      const row = (k: number) => mem(r13, { disp: k * rowBytes });
      if (2 * i >= steps) zero(a, zmm(i));
      else emitColumns(a, zmm(i), [row(2 * i), 2 * i + 1 < steps ? row(2 * i + 1) : null], 'pair', mask);
    }
    emitTransposition(a);
    for (let i = 0; i < VECTOR; i++) a.vmovups(mem(rax, { disp: i * to }), zmm(i));
  };
  const group = (mask: MaskRegister | null): void => {
    a.mov(r13, r11);
    a.mov(rax, r12);
    emitTimes(a, Math.floor(inner / length), () => {
      block(length, mask);
      a.add(r13, length * rowBytes);
      a.add(rax, VECTOR_BYTES);
    });
    if (inner % length > 0) block(inner % length, mask);
  };
  const whole = Math.floor(rows / VECTOR);
  if (whole > 0) {
    a.mov(r15, whole);
    const loop = a.bind();
    group(null);
    a.add(r11, VECTOR * HALF);
    a.add(r12, VECTOR * to);
    a.dec(r15);
    a.jne(loop);
  }
  if (rows % VECTOR === 0) return;
  emitMask(a, k2, rows % VECTOR);
  group(k2);
}

/**
 * Rows of one tile as [inner, rows] float32, from an A that lies [inner, rows]; room for one vector behind them. r11:
 * its first element; r12: where they go. Changes r11, r12, r14, rax, k2, one vector.
 */
export function emitWidenedTile(
  a: Assembler,
  { inner, rowBytes }: Pick<HalfPanel, 'inner' | 'rowBytes'>,
  rows: number,
): void {
  emitMask(a, k2, rows);
  emitTimes(a, inner, () => {
    emitColumns(a, zmm(0), [mem(r11), null], 'widened', k2);
    a.vmovups(mem(r12), zmm(0));
    a.add(r11, rowBytes);
    a.add(r12, rows * ELEMENT);
  });
}
