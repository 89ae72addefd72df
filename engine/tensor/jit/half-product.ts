// HalfProduct: the code of C = alpha A B + bias for matrices of bfloat16 with fixed shapes, with sums in float32 and C
// in float32 or bfloat16. Every element is summed in one go, so its bits depend on the inner axis and on the way alone.
// Chunks of columns keep the packed part of B in the second-level cache.
import { invariant } from '../../core/invariant.js';
import type { Assembler } from '../x86/assembler.js';
import { mem, type MemoryOperand } from '../x86/memory.js';
import { k1, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdx, rsi } from '../x86/registers.js';
import { BLOCK_ROWS, BLOCK_STEPS, BLOCK_SUMS } from './block.js';
import type { HalfWay } from './cpu-features.js';
import type { Frame } from './frame.js';
import {
  emitHalfColumnPanel,
  emitHalfRowPanel,
  emitHalfRows,
  emitTransposedPairs,
  emitWidenedTile,
  type HalfElement,
  stepsOf,
} from './half-packing.js';
import { emitMask } from './packing.js';
import { type HeightRun, heightsOf } from './product.js';
import { roundingOf } from './rounding.js';
import { IS_LAST, MOST_ROWS, PANEL, VECTOR } from './tile.js';
import type { TileSet } from './tile-set.js';

const HALF = 2;
const FLOAT = 4;
const PANEL_BYTES = PANEL * FLOAT;
const VECTOR_BYTES = VECTOR * FLOAT;
/** Bytes of B that are packed at once: half of a second-level cache of 2 MiB. */
const CHUNK_BYTES = 2 ** 20;
/** Rows so many bytes apart would share few places of the first-level cache. */
const CROWDED = 1024;

/** A [rows, inner], B [inner, columns]; strides in elements, from one row of the matrix as it lies to the next. */
export interface HalfProductSpec {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** A lies [inner, rows]. */
  readonly transA: boolean;
  /** B lies [columns, inner]. */
  readonly transB: boolean;
  readonly strideA: number;
  readonly strideB: number;
  readonly strideC: number;
  readonly alpha?: number;
  /** float32. */
  readonly hasBias: boolean;
  /** C is bfloat16. */
  readonly rounds: boolean;
}

/** How a product is cut and its operands are packed. */
interface Cut {
  readonly way: HalfWay;
  readonly element: HalfElement;
  /** Elements of a column of a panel. */
  readonly units: number;
  readonly chunks: number;
  readonly chunkPanels: number;
  readonly lastPanels: number;
  /** Columns behind the last full panel. */
  readonly tail: number;
  readonly tailVectors: number;
  readonly heights: readonly HeightRun[];
  /**
   * Rows of A are read where they lie, except those of a last block that is not full (`last`), or packed before all
   * else (`whole`), or before each row of tiles (`rows`).
   */
  readonly packs: 'nothing' | 'last' | 'whole' | 'rows';
  /** Bytes from one packed row of A to the next. */
  readonly packedStride: number;
}

function cutOf({ rows, columns, inner, transA }: HalfProductSpec, way: HalfWay): Cut {
  const element = way === 'widened' ? 'widened' : 'pair';
  const steps = way === 'tiles' ? BLOCK_STEPS : stepsOf(element);
  const units = (Math.ceil(inner / steps) * steps) / stepsOf(element);
  const panels = Math.floor(columns / PANEL);
  const chunkPanels = Math.max(1, Math.floor(CHUNK_BYTES / (units * PANEL_BYTES)));
  const chunks = Math.max(1, Math.ceil(panels / chunkPanels));
  const tail = columns % PANEL;
  const rowBytes = Math.ceil(inner / (VECTOR * stepsOf(element))) * VECTOR_BYTES;
  const isReadable = !transA && inner % steps === 0;
  return {
    way,
    element,
    units,
    chunks,
    chunkPanels,
    lastPanels: panels - (chunks - 1) * chunkPanels,
    tail,
    tailVectors: way === 'tiles' ? PANEL / VECTOR : Math.ceil(tail / VECTOR),
    heights: way === 'tiles' ? blocksOf(rows) : heightsOf(rows),
    packs:
      way === 'widened'
        ? 'rows'
        : !isReadable
          ? 'whole'
          : way === 'tiles' && rows % BLOCK_ROWS > 0
            ? 'last'
            : 'nothing',
    packedStride: rowBytes % CROWDED === 0 ? rowBytes + VECTOR_BYTES : rowBytes,
  };
}

const blocksOf = (rows: number): readonly HeightRun[] =>
  [
    { height: BLOCK_ROWS, count: Math.floor(rows / BLOCK_ROWS) },
    { height: rows % BLOCK_ROWS, count: 1 },
  ].filter(({ height, count }) => height > 0 && count > 0);

/**
 * Bytes of scratch memory: what lies before the packed part of B, that part, and behind it what is packed of A, each a
 * multiple of 64.
 */
export function halfProductScratch(
  spec: HalfProductSpec,
  way: HalfWay,
): { readonly before: number; readonly packedB: number; readonly packedA: number } {
  const { units, chunks, chunkPanels, lastPanels, tailVectors, packs, packedStride } = cutOf(spec, way);
  const panels = Math.max(chunks > 1 ? chunkPanels : 0, lastPanels);
  const rows = {
    nothing: 0,
    last: BLOCK_ROWS,
    whole: Math.ceil(spec.rows / BLOCK_ROWS) * BLOCK_ROWS,
    rows: MOST_ROWS + 1,
  }[packs];
  return {
    before: way === 'tiles' ? BLOCK_SUMS : 0,
    packedB: units * (panels * PANEL_BYTES + tailVectors * VECTOR_BYTES),
    packedA: rows * packedStride,
  };
}

type Slot = MemoryOperand;
type Slots = Record<
  'A' | 'blockA' | 'chunkB' | 'chunkC' | 'C' | 'bias' | 'chunks' | 'panels' | 'isLast' | 'rows',
  Slot
>;

/**
 * Appends the code. rsi: A; rdx: B; rcx: C; r8: bias; r9, r10: scratch for B and A, 64-byte aligned. Keeps rdi, rsp, r9
 * and r10 only. With tiles, those have their shapes (see tileShapes). A, B and bias are read, and C is written, within
 * their bounds.
 */
export function emitHalfProduct(a: Assembler, spec: HalfProductSpec, way: HalfWay, frame: Frame, tiles: TileSet): void {
  invariant(!(spec.transA && spec.transB), () => 'a product of two transposed matrices');
  const { strideB, transB, rounds } = spec;
  const cut = cutOf(spec, way);
  const names = ['A', 'blockA', 'chunkB', 'chunkC', 'C', 'bias', 'chunks', 'panels', 'isLast', 'rows'] as const;
  const slots = Object.fromEntries(names.map((name) => [name, frame.slot(`half product ${name}`)])) as Slots;
  const set = (to: Slot, value: number): void => {
    a.mov(rax, value);
    a.mov(to, rax);
  };
  a.mov(slots.A, rsi);
  a.mov(slots.chunkB, rdx);
  a.mov(slots.chunkC, rcx);
  if (spec.hasBias) a.mov(slots.bias, r8);
  if (cut.tail % VECTOR !== 0) emitMask(a, k1, cut.tail % VECTOR);
  emitPackedBefore(a, spec, cut);
  set(slots.chunks, cut.chunks);
  const nextChunk = a.bind();
  const isInner = a.label();
  set(slots.panels, cut.chunks === 1 ? cut.lastPanels : cut.chunkPanels);
  set(slots.isLast, cut.chunks === 1 ? 1 : 0);
  if (cut.chunks > 1) {
    a.mov(rbx, slots.chunks);
    a.cmp(rbx, 1);
    a.jne(isInner);
    set(slots.panels, cut.lastPanels);
    set(slots.isLast, 1);
    a.bind(isInner);
  }
  emitPanels(a, spec, cut, slots);
  emitRowsOfTiles(a, spec, cut, tiles, slots);
  if (cut.chunks > 1) {
    a.add(slots.chunkC, cut.chunkPanels * PANEL * (rounds ? HALF : FLOAT));
    if (spec.hasBias) a.add(slots.bias, cut.chunkPanels * PANEL_BYTES);
    a.add(slots.chunkB, cut.chunkPanels * PANEL * (transB ? strideB : 1) * HALF);
    a.sub(slots.chunks, 1);
    a.jne(nextChunk);
  }
}

/** Packs what is packed once of A, at r10. */
function emitPackedBefore(a: Assembler, spec: HalfProductSpec, cut: Cut): void {
  const { rows, inner, strideA, transA } = spec;
  const from = { element: cut.element, inner, rowBytes: strideA * HALF };
  if (cut.packs !== 'whole' && cut.packs !== 'last') return;
  const first = cut.packs === 'whole' ? 0 : rows - (rows % BLOCK_ROWS);
  a.lea(r11, mem(rsi, { disp: first * strideA * HALF }));
  a.mov(r12, r10);
  if (transA) emitTransposedPairs(a, from, rows, cut.packedStride);
  else emitHalfRows(a, from, rows - first, cut.packedStride);
}

/** Packs a chunk of B at r9. */
function emitPanels(a: Assembler, spec: HalfProductSpec, cut: Cut, slots: Slots): void {
  const { inner, transB, strideB } = spec;
  const { element, units } = cut;
  const panel = (columns: number, vectors: number): void => {
    a.mov(r11, rsi);
    const from = { element, columns, vectors, inner, units, rowBytes: strideB * HALF };
    if (transB) emitHalfColumnPanel(a, from);
    else emitHalfRowPanel(a, from);
  };
  const [tail, done] = [a.label(), a.label()];
  a.mov(rsi, slots.chunkB);
  a.mov(r12, r9);
  if (cut.lastPanels > 0 || cut.chunks > 1) {
    a.mov(rbx, slots.panels);
    a.test(rbx, rbx);
    a.je(tail);
    const loop = a.bind();
    panel(PANEL, PANEL / VECTOR);
    a.add(rsi, PANEL * (transB ? strideB : 1) * HALF);
    a.dec(rbx);
    a.jne(loop);
  }
  a.bind(tail);
  if (cut.tail === 0) return;
  a.mov(rax, slots.isLast);
  a.test(rax, rax);
  a.je(done);
  panel(cut.tail, cut.tailVectors);
  a.bind(done);
}

/** All tiles of a chunk of columns, row by row. */
function emitRowsOfTiles(a: Assembler, spec: HalfProductSpec, cut: Cut, tiles: TileSet, slots: Slots): void {
  const { inner, transA, strideA, strideC, rounds } = spec;
  const from = { element: cut.element, inner, rowBytes: strideA * HALF };
  a.mov(rax, cut.packs === 'whole' ? r10 : slots.A);
  a.mov(slots.blockA, rax);
  a.mov(rax, slots.chunkC);
  a.mov(slots.C, rax);
  for (const { height, count } of cut.heights) {
    const isPacked = cut.packs === 'whole' || (cut.packs === 'last' && height < BLOCK_ROWS);
    if (cut.packs === 'last' && isPacked) a.mov(slots.blockA, r10);
    a.mov(rax, count);
    a.mov(slots.rows, rax);
    const loop = a.bind();
    if (cut.packs === 'rows') {
      a.mov(r11, slots.blockA);
      a.mov(r12, r10);
      if (transA) emitWidenedTile(a, from, height);
      else emitHalfRows(a, from, height, cut.packedStride);
    }
    const isTransposed = cut.packs === 'rows' && transA;
    emitRowOfTiles(a, spec, cut, tiles, slots, {
      height,
      rowStride: isTransposed ? FLOAT : isPacked || cut.packs === 'rows' ? cut.packedStride : strideA * HALF,
      innerStride: isTransposed ? height * FLOAT : FLOAT,
    });
    a.add(slots.blockA, height * (isPacked ? cut.packedStride : (transA ? 1 : strideA) * HALF));
    a.add(slots.C, height * strideC * (rounds ? HALF : FLOAT));
    a.sub(slots.rows, 1);
    a.jne(loop);
  }
}

interface RowShape {
  readonly height: number;
  readonly rowStride: number;
  readonly innerStride: number;
}

/** One row of tiles. */
function emitRowOfTiles(
  a: Assembler,
  spec: HalfProductSpec,
  cut: Cut,
  tiles: TileSet,
  slots: Slots,
  shape: RowShape,
): void {
  const { hasBias, rounds } = spec;
  const tile = (columns: number): void => {
    if (cut.packs === 'rows') a.mov(r11, r10);
    else a.mov(r11, slots.blockA);
    if (cut.way !== 'tiles') {
      a.mov(r14, cut.units);
      a.mov(r15, IS_LAST);
    }
    a.call(tileOf(spec, cut, tiles, columns, shape));
  };
  const [tail, done] = [a.label(), a.label()];
  a.mov(r12, r9);
  a.mov(r13, slots.C);
  if (hasBias) a.mov(rbp, slots.bias);
  if (cut.lastPanels > 0 || cut.chunks > 1) {
    a.mov(rbx, slots.panels);
    a.test(rbx, rbx);
    a.je(tail);
    const loop = a.bind();
    tile(PANEL);
    a.add(r13, PANEL * (rounds ? HALF : FLOAT));
    if (hasBias) a.add(rbp, PANEL_BYTES);
    a.dec(rbx);
    a.jne(loop);
  }
  a.bind(tail);
  if (cut.tail === 0) return;
  a.mov(rbx, slots.isLast);
  a.test(rbx, rbx);
  a.je(done);
  tile(cut.tail);
  a.bind(done);
}

function tileOf(
  { strideC, hasBias, rounds, alpha = 1 }: HalfProductSpec,
  { way, units }: Cut,
  tiles: TileSet,
  columns: number,
  { height, rowStride, innerStride }: RowShape,
) {
  const stride = strideC * (rounds ? HALF : FLOAT);
  if (way === 'tiles')
    return tiles.label({
      rows: height,
      columns,
      steps: (units * 2) / BLOCK_STEPS,
      rowStride,
      stride,
      alpha,
      hasBias,
      rounds,
    });
  return tiles.label({
    rows: height,
    vectors: Math.ceil(columns / VECTOR),
    isMasked: columns % VECTOR !== 0,
    rowStride,
    innerStride,
    stride,
    alpha,
    hasBias,
    ...(way === 'pairs' ? { hasPairs: true } : {}),
    ...(rounds ? { rounding: roundingOf(way) } : {}),
  });
}
