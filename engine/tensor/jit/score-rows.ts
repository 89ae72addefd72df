// ScoreRows: the loops over the rows of a matrix of attention scores [rows, columns]: softmax, and its gradient. In a
// causal matrix only the first columns of a row count: up to its own number plus an offset; what lies behind becomes
// zero.
import { type Assembler, COMPARE } from '../x86/assembler.js';
import { mem, type MemoryOperand } from '../x86/memory.js';
import {
  type GeneralRegister,
  k1,
  k2,
  r11,
  r12,
  r13,
  r14,
  rax,
  rbp,
  rbx,
  rcx,
  rdx,
  rsi,
  type VectorRegister,
  zmm,
} from '../x86/registers.js';
import { emitExponential } from './exponential.js';
import { emitAcross } from './horizontal.js';
import { emitMask } from './packing.js';
import { emitRounded, emitWidened, type Rounding } from './rounding.js';
import { VECTOR } from './tile.js';

const FLOAT = 4;
const HALF = 2;
const VECTOR_BYTES = VECTOR * FLOAT;

export interface ScoreShape {
  readonly rows: number;
  readonly columns: number;
  /** How many columns beyond its own number a row sees; null: all. */
  readonly causal: number | null;
}

/** zmm31: 0 to 15; zmm30: the number of valid columns, in every element. */
const INDEX = zmm(31);
const LIMIT = zmm(30);
const STEP = zmm(29);
const POSITION = zmm(28);

/** Loops over rows: `row` is appended once, with r14 the bytes of the vectors that hold valid columns. */
function emitRows(a: Assembler, { rows, columns, causal }: ScoreShape, row: () => void): void {
  const vectors = Math.ceil(columns / VECTOR);
  a.vmovups(INDEX, a.table(Int32Array.from({ length: VECTOR }, (_, i) => i)));
  a.vpbroadcastd(STEP, a.int(VECTOR));
  if (columns % VECTOR !== 0) emitMask(a, k1, columns % VECTOR);
  a.mov(rbx, 0);
  const loop = a.bind();
  if (causal === null) {
    a.mov(rax, columns);
    a.mov(r14, vectors * VECTOR_BYTES);
  } else {
    a.lea(rax, mem(rbx, { disp: 1 + causal }));
    a.mov(r14, columns);
    a.cmp(rax, r14);
    a.cmov('g', rax, r14);
    a.lea(r14, mem(rax, { disp: VECTOR - 1 }));
    a.shr(r14, Math.log2(VECTOR));
    a.shl(r14, Math.log2(VECTOR_BYTES));
  }
  a.vpbroadcastd(LIMIT, rax.low);
  row();
  a.inc(rbx);
  a.cmp(rbx, rows);
  a.jl(loop);
}

/**
 * Loops over the vectors of a row that hold valid columns: r12 is the offset in bytes, k2 says which elements are
 * valid.
 */
function emitVectors(a: Assembler, body: () => void): void {
  a.mov(r12, 0);
  a.vmovaps(POSITION, INDEX);
  const loop = a.bind();
  a.vpcmpd(k2, POSITION, LIMIT, COMPARE.less);
  body();
  a.vpaddd(POSITION, POSITION, STEP);
  a.add(r12, VECTOR_BYTES);
  a.cmp(r12, r14);
  a.jl(loop);
}

/** Writes a vector to the row at `base`, not beyond its end. Changes rax. */
function emitStore(
  a: Assembler,
  { columns }: ScoreShape,
  base: GeneralRegister,
  register: ReturnType<typeof zmm>,
): void {
  if (columns % VECTOR === 0) return a.vmovups(mem(base, { index: r12 }), register);
  const [last, done] = [a.label(), a.label()];
  a.cmp(r12, Math.floor(columns / VECTOR) * VECTOR_BYTES);
  a.je(last);
  a.vmovups(mem(base, { index: r12 }), register);
  a.jmp(done);
  a.bind(last);
  a.vmovups(mem(base, { index: r12 }), register, k1);
  a.bind(done);
}

/** The place of the vector in a row of bfloat16 at `base`. Changes rax. */
function halfPlace(a: Assembler, base: GeneralRegister): MemoryOperand {
  a.mov(rax, r12);
  a.shr(rax, 1);
  return mem(base, { index: rax });
}

/** Writes a vector, rounded, to the row at `base`, not beyond its end. Changes rax, zmm2, zmm3, k3. */
function emitHalfStore(
  a: Assembler,
  { columns }: ScoreShape,
  base: GeneralRegister,
  register: VectorRegister,
  rounding: Rounding,
): void {
  const [half, place, done] = [zmm(3).ymm, halfPlace(a, base), a.label()];
  emitRounded(a, rounding, half, register, zmm(2));
  if (columns % VECTOR === 0) return a.vmovdqu16(place, half);
  const last = a.label();
  a.cmp(r12, Math.floor(columns / VECTOR) * VECTOR_BYTES);
  a.je(last);
  a.vmovdqu16(place, half);
  a.jmp(done);
  a.bind(last);
  a.vmovdqu16(place, half, k1);
  a.bind(done);
}

/** Makes all vectors of a row the next ones to loop over, not only those with valid columns. */
const wholeRow = (a: Assembler, { columns }: ScoreShape): void =>
  a.mov(r14, Math.ceil(columns / VECTOR) * VECTOR_BYTES);

/** Zeros behind the valid vectors of a row, at most `most` vectors of them. */
function emitZeros(a: Assembler, shape: ScoreShape, base: GeneralRegister, most: number): void {
  const end = Math.ceil(shape.columns / VECTOR) * VECTOR_BYTES;
  const [loop, done] = [a.label(), a.label()];
  a.vpxord(zmm(0), zmm(0), zmm(0));
  a.mov(r12, r14);
  a.mov(rax, end);
  if (most < Infinity) {
    a.lea(rcx, mem(r14, { disp: most * VECTOR_BYTES }));
    a.cmp(rax, rcx);
    a.cmov('g', rax, rcx);
  }
  a.bind(loop);
  a.cmp(r12, rax);
  a.jge(done);
  emitStore(a, shape, base, zmm(0));
  a.add(r12, VECTOR_BYTES);
  a.jmp(loop);
  a.bind(done);
}

/**
 * Softmax of the rows at r11, in place, or rounded to bfloat16 at r13. With `hasMask`, the row [columns] at rsi is
 * added to every row before. Changes general registers but rdi, r8 to r10, r15 and rsp, all vectors, k1 to k3.
 */
export function emitSoftmaxRows(a: Assembler, shape: ScoreShape, hasMask: boolean, rounding?: Rounding): void {
  const [largest, sum, x] = [zmm(27), zmm(26), zmm(0)];
  const lowest = zmm(25);
  a.vbroadcastss(lowest, a.float(-Infinity));
  const score = (): void => {
    a.vmovaps(x, lowest);
    a.vmovups(x.masked(k2), mem(r11, { index: r12 }));
    if (hasMask) a.vaddps(x.masked(k2), x, mem(rsi, { index: r12 }));
  };
  emitRows(a, shape, () => {
    a.vmovaps(largest, lowest);
    emitVectors(a, () => {
      score();
      a.vmaxps(largest, largest, x);
    });
    emitAcross(a, 'vmaxps', largest, zmm(1));
    a.vpxord(sum, sum, sum);
    emitVectors(a, () => {
      score();
      a.vsubps(x, x, largest);
      emitExponential(a, x, zmm(1), zmm(2));
      a.vmovaps(x.zeroed(k2), x);
      a.vaddps(sum, sum, x);
      emitStore(a, shape, r11, x);
    });
    emitAcross(a, 'vaddps', sum, zmm(1));
    a.vbroadcastss(x, a.float(1));
    a.vdivps(sum, x, sum);
    if (rounding !== undefined) wholeRow(a, shape);
    emitVectors(a, () => {
      a.vmulps(x.zeroed(k2), sum, mem(r11, { index: r12 }));
      if (rounding === undefined) emitStore(a, shape, r11, x);
      else emitHalfStore(a, shape, r13, x, rounding);
    });
    if (shape.causal !== null && rounding === undefined) emitZeros(a, shape, r11, Infinity);
    a.add(r11, shape.columns * FLOAT);
    if (rounding !== undefined) a.add(r13, shape.columns * HALF);
  });
}

/**
 * Gradient of the scores, in place: dS = P (dP - d) with dP at r11, P at r13, and d of a row the product of the rows
 * [width] at rdx and rbp, which lie `stride` bytes apart. Of what lies behind the valid columns, one vector becomes
 * zero. Changes what `emitSoftmaxRows` changes.
 */
export function emitScoreGradientRows(a: Assembler, shape: ScoreShape, width: number, stride: number): void {
  const [slope, x] = [zmm(27), zmm(0)];
  emitRows(a, shape, () => {
    a.vpxord(slope, slope, slope);
    for (let from = 0; from < width; from += VECTOR) {
      const isPartial = width - from < VECTOR;
      if (isPartial) emitMask(a, k2, width - from);
      a.vmovups(isPartial ? x.zeroed(k2) : x, mem(rdx, { disp: from * FLOAT }));
      a.vmovups(isPartial ? zmm(1).zeroed(k2) : zmm(1), mem(rbp, { disp: from * FLOAT }));
      a.vfmadd231ps(slope, x, zmm(1));
    }
    emitAcross(a, 'vaddps', slope, zmm(1));
    emitVectors(a, () => {
      a.vmovups(x.zeroed(k2), mem(r11, { index: r12 }));
      a.vsubps(x, x, slope);
      a.vmulps(x.zeroed(k2), x, mem(r13, { index: r12 }));
      emitStore(a, shape, r11, x);
    });
    if (shape.causal !== null) emitZeros(a, shape, r11, 1);
    a.add(r11, shape.columns * FLOAT);
    a.add(r13, shape.columns * FLOAT);
    a.add(rdx, stride);
    a.add(rbp, stride);
  });
}

/**
 * The same where P, the rows at rdx and rbp, and dS are bfloat16; dS goes to rsi, with zeros in all columns that are
 * not valid.
 */
export function emitHalfScoreGradientRows(
  a: Assembler,
  shape: ScoreShape,
  width: number,
  stride: number,
  rounding: Rounding,
): void {
  const [slope, x] = [zmm(27), zmm(0)];
  emitRows(a, shape, () => {
    a.vpxord(slope, slope, slope);
    for (let from = 0; from < width; from += VECTOR) {
      const mask = width - from < VECTOR ? k2 : null;
      if (mask !== null) emitMask(a, mask, width - from);
      emitWidened(a, x, mem(rdx, { disp: from * HALF }), mask);
      emitWidened(a, zmm(1), mem(rbp, { disp: from * HALF }), mask);
      a.vfmadd231ps(slope, x, zmm(1));
    }
    emitAcross(a, 'vaddps', slope, zmm(1));
    wholeRow(a, shape);
    emitVectors(a, () => {
      a.vmovups(x.zeroed(k2), mem(r11, { index: r12 }));
      a.vsubps(x, x, slope);
      emitWidened(a, zmm(1), halfPlace(a, r13), k2);
      a.vmulps(x.zeroed(k2), x, zmm(1));
      emitHalfStore(a, shape, rsi, x, rounding);
    });
    a.add(r11, shape.columns * FLOAT);
    for (const halves of [r13, rsi]) a.add(halves, shape.columns * HALF);
    for (const row of [rdx, rbp]) a.add(row, stride);
  });
}
