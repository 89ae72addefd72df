// Tile: the innermost loop of a matrix product: a few rows of C by one panel of columns, summed over the inner axis in
// registers. Every element of C is one chain of fused multiply-adds in the order of the inner axis, so its bits depend
// neither on its tile nor on its place in the matrix. An element of A and B is a float32, or a pair of bfloat16 that
// follow each other on the inner axis.
import type { Assembler } from '../x86/assembler.js';
import type { Label } from '../x86/label.js';
import { mem, type MemoryOperand } from '../x86/memory.js';
import { k1, r11, r12, r13, r14, r15, rbp, type VectorRegister, zmm } from '../x86/registers.js';
import { emitRounded, type Rounding } from './rounding.js';

/** Floats of a vector. */
export const VECTOR = 16;
/** Columns of a panel: two vectors. */
export const PANEL = 2 * VECTOR;
/** Rows of a tile: 28 registers of sums beside 2 of B and 2 of A. */
export const MOST_ROWS = 14;
const FLOAT = 4;
const HALF = 2;
const ROUNDED = zmm(31);
const UNROLLED = 4;

/** Bits of r15: what to do with C. */
export const KEEPS_SUMS = 1;
export const IS_LAST = 2;

export interface TileShape {
  readonly rows: number;
  /** Vectors of the panel: 1 or 2. */
  readonly vectors: number;
  /** The last vector of a row of C is written through k1. */
  readonly isMasked: boolean;
  /** Bytes from one row of A to the next, and from one step of the inner axis to the next. */
  readonly rowStride: number;
  readonly innerStride: number;
  /** Bytes from one row of C to the next. */
  readonly stride: number;
  /** Factor of the sums; 1 for none. */
  readonly alpha: number;
  readonly hasBias: boolean;
  /** Elements of A and B are pairs of bfloat16. */
  readonly hasPairs?: true;
  /** How C becomes bfloat16; then sums cannot go on from what C holds. Absent: it is float32. */
  readonly rounding?: Rounding;
}

/**
 * A subroutine. r11: A; r12: the panel of B, [inner, 16 or 32]; r13: C; r14: length of the inner axis, at least 1; r15:
 * KEEPS_SUMS if sums go on from what C holds, IS_LAST if factor and bias are due; rbp: bias of the panel. Leaves r11
 * and r12 behind what was read; changes r14 and all vectors.
 */
export function emitTile(a: Assembler, label: Label, shape: TileShape): void {
  const { rows, vectors, rounding } = shape;
  const elementBytes = rounding === undefined ? FLOAT : HALF;
  const sum = (row: number, v: number): VectorRegister => zmm(row * vectors + v);
  const each = (write: (register: VectorRegister, c: MemoryOperand, v: number) => void): void => {
    for (let row = 0; row < rows; row++)
      for (let v = 0; v < vectors; v++)
        write(sum(row, v), mem(r13, { disp: row * shape.stride + v * VECTOR * elementBytes }), v);
  };
  const isPartial = (v: number): boolean => shape.isMasked && v === vectors - 1;
  a.align(64);
  a.bind(label);
  const [fresh, begin] = [a.label(), a.label()];
  if (rounding === undefined) {
    a.test(r15, KEEPS_SUMS);
    a.je(fresh);
    each((register, c, v) => a.vmovups(isPartial(v) ? register.zeroed(k1) : register, c));
    a.jmp(begin);
    a.bind(fresh);
  }
  each((register, c, v) => {
    a.vpxord(register, register, register);
    if (v === 0) a.prefetchw(c);
  });
  a.bind(begin);
  emitLoop(a, shape, sum);
  const partial = a.label();
  a.test(r15, IS_LAST);
  a.je(partial);
  if (shape.alpha !== 1) each((register) => a.vmulps(register, register, a.splat(shape.alpha)));
  if (shape.hasBias) {
    for (let v = 0; v < vectors; v++)
      a.vmovups(isPartial(v) ? zmm(28 + v).zeroed(k1) : zmm(28 + v), mem(rbp, { disp: v * VECTOR * FLOAT }));
    each((register, _, v) => a.vaddps(register, register, zmm(28 + v)));
  }
  a.bind(partial);
  each((register, c, v) => {
    const mask = isPartial(v) ? k1 : null;
    if (rounding === undefined) a.vmovups(c, register, mask);
    else {
      emitRounded(a, rounding, ROUNDED.ymm, register, zmm(30));
      a.vmovdqu16(c, ROUNDED.ymm, mask);
    }
  });
  a.ret();
}

function emitLoop(
  a: Assembler,
  { rows, vectors, rowStride, innerStride, hasPairs }: TileShape,
  sum: (row: number, v: number) => VectorRegister,
): void {
  const panelStride = vectors * VECTOR * FLOAT;
  const steps = (count: number): void => {
    for (let u = 0; u < count; u++) {
      for (let v = 0; v < vectors; v++)
        a.vmovups(zmm(28 + v), mem(r12, { disp: u * panelStride + v * VECTOR * FLOAT }));
      for (let row = 0; row < rows; row++) {
        const x = zmm(30 + (row & 1));
        a.vbroadcastss(x, mem(r11, { disp: row * rowStride + u * innerStride }));
        for (let v = 0; v < vectors; v++) {
          if (hasPairs === true) a.vdpbf16ps(sum(row, v), x, zmm(28 + v));
          else a.vfmadd231ps(sum(row, v), x, zmm(28 + v));
        }
      }
    }
    a.add(r11, count * innerStride);
    a.add(r12, count * panelStride);
    a.sub(r14, count);
  };
  const [rest, single, done] = [a.label(), a.label(), a.label()];
  a.sub(r14, UNROLLED);
  a.jl(rest);
  a.align(64);
  const loop = a.bind();
  steps(UNROLLED);
  a.jge(loop);
  a.bind(rest);
  a.add(r14, UNROLLED);
  a.je(done);
  a.bind(single);
  steps(1);
  a.jg(single);
  a.bind(done);
}
