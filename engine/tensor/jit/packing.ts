// Packing: copies a block of a matrix into the order in which tiles read it: panels of B, [panel][inner][32], zeros
// behind the last column, and the rows of one tile of a transposed A, [inner][rows]. It computes nothing.
import type { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import {
  type GeneralRegister,
  k2,
  type MaskRegister,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbp,
  zmm,
} from '../x86/registers.js';
import { VECTOR } from './tile.js';

const FLOAT = 4;
const VECTOR_BYTES = VECTOR * FLOAT;
/**
 * Rows lie far apart, often each in a page of its own, where the processor foresees nothing: what is read next is asked
 * for so many rows ahead.
 */
const ROWS_AHEAD = 32;

/** Sets a mask to the first `count` elements. */
export function emitMask(a: Assembler, mask: MaskRegister, count: number): void {
  a.mov(rax, 2 ** count - 1);
  a.kmovw(mask, rax.low);
}

/**
 * One panel from a B that lies [inner, columns]. r11: its first row; r12: the panel, left behind its end; r14: inner
 * length, at least 1. `columns` of the panel exist, of `vectors` vectors. Changes r11, r14, k2, two vectors.
 */
export function emitRowPanel(a: Assembler, columns: number, vectors: number, rowBytes: number): void {
  const isFull = columns === vectors * VECTOR;
  if (!isFull) emitMask(a, k2, columns - (vectors - 1) * VECTOR);
  const loop = a.bind();
  for (let v = 0; v < vectors; v++) {
    a.prefetcht0(mem(r11, { disp: ROWS_AHEAD * rowBytes + v * VECTOR_BYTES }));
    const isPartial = !isFull && v === vectors - 1;
    a.vmovups(isPartial ? zmm(v).zeroed(k2) : zmm(v), mem(r11, { disp: v * VECTOR_BYTES }));
    a.vmovups(mem(r12, { disp: v * VECTOR_BYTES }), zmm(v));
  }
  a.add(r11, rowBytes);
  a.add(r12, vectors * VECTOR_BYTES);
  a.dec(r14);
  a.jne(loop);
}

/**
 * One panel from a B that lies [columns, inner], by transposing blocks of 16 by 16. r11: its first column; r12: the
 * panel, left behind its end; r14: inner length, of which `innerRest` (0 to 15) are beyond a multiple of 16 if it is
 * the last block (any other has none). Changes r11, r13 to r15, rbp, k2.
 */
export function emitColumnPanel(
  a: Assembler,
  columns: number,
  vectors: number,
  columnBytes: number,
  innerRest: number,
): void {
  const panelStride = vectors * VECTOR_BYTES;
  a.mov(rbp, r11);
  a.mov(r13, r12);
  a.mov(r15, r14);
  for (let v = 0; v < vectors; v++) {
    const rows = Math.min(VECTOR, columns - v * VECTOR);
    const [rest, done] = [a.label(), a.label()];
    a.lea(r11, mem(rbp, { disp: v * VECTOR * columnBytes }));
    a.lea(r12, mem(r13, { disp: v * VECTOR_BYTES }));
    a.mov(r14, r15);
    a.sub(r14, VECTOR);
    a.jl(rest);
    const loop = a.bind();
    emitTransposed(a, rows, VECTOR, columnBytes, panelStride);
    a.add(r11, VECTOR_BYTES);
    a.add(r12, VECTOR * panelStride);
    a.sub(r14, VECTOR);
    a.jge(loop);
    a.bind(rest);
    if (innerRest > 0) {
      a.add(r14, VECTOR);
      a.je(done);
      emitTransposed(a, rows, innerRest, columnBytes, panelStride);
      a.bind(done);
    }
  }
  a.mov(r12, r15);
  a.imul(r12, r12, panelStride);
  a.add(r12, r13);
}

/** [rows, inner] at r11 to [inner, 16] at r12, both at most 16; missing rows become zeros. */
function emitTransposed(a: Assembler, rows: number, inner: number, rowBytes: number, outBytes: number): void {
  if (inner < VECTOR) emitMask(a, k2, inner);
  for (let i = 0; i < VECTOR; i++) {
    const r = zmm(i);
    if (i < rows) a.vmovups(inner < VECTOR ? r.zeroed(k2) : r, mem(r11, { disp: i * rowBytes }));
    else a.vpxord(r, r, r);
  }
  emitTransposition(a);
  for (let i = 0; i < inner; i++) a.vmovups(mem(r12, { disp: i * outBytes }), zmm(i));
}

/** Transposes 16 by 16 elements of 32 bits, rows in the first 16 vectors; changes the others. */
export function emitTransposition(a: Assembler): void {
  const [r, t] = [(i: number) => zmm(i), (i: number) => zmm(16 + i)];
  for (let i = 0; i < 8; i++) {
    a.vunpcklps(t(2 * i), r(2 * i), r(2 * i + 1));
    a.vunpckhps(t(2 * i + 1), r(2 * i), r(2 * i + 1));
  }
  for (let i = 0; i < 4; i++) {
    a.vunpcklpd(r(4 * i), t(4 * i), t(4 * i + 2));
    a.vunpckhpd(r(4 * i + 1), t(4 * i), t(4 * i + 2));
    a.vunpcklpd(r(4 * i + 2), t(4 * i + 1), t(4 * i + 3));
    a.vunpckhpd(r(4 * i + 3), t(4 * i + 1), t(4 * i + 3));
  }
  for (let i = 0; i < 4; i++) {
    a.vshuff32x4(t(i), r(i), r(i + 4), 0x88);
    a.vshuff32x4(t(i + 4), r(i), r(i + 4), 0xdd);
    a.vshuff32x4(t(i + 8), r(i + 8), r(i + 12), 0x88);
    a.vshuff32x4(t(i + 12), r(i + 8), r(i + 12), 0xdd);
  }
  for (let i = 0; i < 8; i++) {
    a.vshuff32x4(r(i), t(i), t(i + 8), 0x88);
    a.vshuff32x4(r(i + 8), t(i), t(i + 8), 0xdd);
  }
}

/**
 * Rows of one tile from an A that lies [inner, rows]. r11: its first element; `to`: where it goes; r14: inner length.
 * Changes r11, r12, r14, k2.
 */
export function emitRows(a: Assembler, rows: number, innerBytes: number, to: GeneralRegister): void {
  emitMask(a, k2, rows);
  a.mov(r12, to);
  const loop = a.bind();
  a.prefetcht0(mem(r11, { disp: ROWS_AHEAD * innerBytes }));
  a.vmovups(zmm(0).zeroed(k2), mem(r11));
  // The whole vector: what is too much is written over by the next step; the room behind the last one is there.
  a.vmovups(mem(r12), zmm(0));
  a.add(r11, innerBytes);
  a.add(r12, rows * FLOAT);
  a.dec(r14);
  a.jne(loop);
}
