// Product: the code of C = alpha A B + bias for matrices of fixed shapes, of which a kernel has one or several. Blocks
// of the inner axis and chunks of columns keep the packed part of B in the second-level cache; what tiles and packing
// do is theirs.
import { invariant } from '../../core/invariant.js';
import type { Assembler } from '../x86/assembler.js';
import { k1, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdx, rsi } from '../x86/registers.js';
import type { Frame } from './frame.js';
import { emitColumnPanel, emitMask, emitRowPanel, emitRows } from './packing.js';
import { IS_LAST, KEEPS_SUMS, MOST_ROWS, PANEL, VECTOR } from './tile.js';
import type { TileSet } from './tile-set.js';

const FLOAT = 4;
const PANEL_BYTES = PANEL * FLOAT;
/**
 * Longest block of the inner axis. A transposed A is packed per tile, which pays while a tile's block stays in the
 * first-level cache.
 */
const BLOCK = { direct: 512, packed: 192 } as const;
/** Floats of B that are packed at once: half of a second-level cache of 2 MiB. */
const CHUNK_FLOATS = 256 * 1024;

/**
 * What a triangle of zeros (causal attention) leaves to do, for rows i of C: `columns`: columns up to i + offset;
 * `inner`: A is zero behind column i + offset; `inner-from`: A is zero before the inner index i - offset. What is left
 * out is not written, or would add zeros.
 */
export interface Triangle {
  readonly kind: 'columns' | 'inner' | 'inner-from';
  readonly offset: number;
}

/**
 * C [rows, columns] = alpha A [rows, inner] B [inner, columns] + bias. Strides in floats, from one row of the matrix as
 * it lies to the next.
 */
export interface ProductSpec {
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
  readonly hasBias?: boolean;
  readonly triangle?: Triangle;
}

/** How a product is cut; sizes in elements. */
interface Cut {
  readonly blocks: number;
  readonly block: number;
  readonly lastBlock: number;
  readonly chunks: number;
  readonly chunkPanels: number;
  readonly lastPanels: number;
  /** Columns behind the last full panel. */
  readonly tail: number;
  readonly tailVectors: number;
}

function cutOf({ columns, inner, transA, triangle }: ProductSpec): Cut {
  const most = triangle === undefined ? BLOCK[transA ? 'packed' : 'direct'] : inner;
  const block = Math.min(inner, Math.ceil(inner / Math.ceil(inner / most) / VECTOR) * VECTOR);
  const blocks = Math.ceil(inner / block);
  const panels = Math.floor(columns / PANEL);
  const chunkPanels =
    triangle === undefined ? Math.max(1, Math.floor(CHUNK_FLOATS / block / PANEL)) : Math.max(1, panels);
  const chunks = Math.max(1, Math.ceil(panels / chunkPanels));
  const tail = columns % PANEL;
  const lastPanels = panels - (chunks - 1) * chunkPanels;
  return {
    blocks,
    block,
    lastBlock: inner - (blocks - 1) * block,
    chunks,
    chunkPanels,
    lastPanels,
    tail,
    tailVectors: Math.ceil(tail / VECTOR),
  };
}

/** Bytes of scratch memory for the packed B and, behind it, the packed rows of A. */
export function productScratch(spec: ProductSpec): { readonly packedB: number; readonly packedA: number } {
  const { block, chunks, chunkPanels, lastPanels, tailVectors } = cutOf(spec);
  const panels = Math.max(chunks > 1 ? chunkPanels : 0, lastPanels + 1);
  const packedB = block * (panels * PANEL + tailVectors * VECTOR) * FLOAT;
  return { packedB, packedA: spec.transA ? (block * MOST_ROWS + VECTOR) * FLOAT : 0 };
}

/** Tiles of one height. */
export interface HeightRun {
  readonly height: number;
  readonly count: number;
}

/**
 * Heights of the tiles from top to bottom, as runs. A short last tile is evened out with the one before: the work per
 * row is that of the tile.
 */
export function heightsOf(rows: number): readonly HeightRun[] {
  const [full, rest] = [Math.floor(rows / MOST_ROWS), rows % MOST_ROWS];
  if (rest === 0) return [{ height: MOST_ROWS, count: full }];
  if (full === 0 || rest > MOST_ROWS / 2)
    return [
      { height: MOST_ROWS, count: full },
      { height: rest, count: 1 },
    ].filter(({ count }) => count > 0);
  const both = MOST_ROWS + rest;
  const runs = [
    { height: MOST_ROWS, count: full - 1 },
    { height: Math.ceil(both / 2), count: 1 },
    { height: Math.floor(both / 2), count: 1 },
  ];
  return runs.filter(({ count }) => count > 0);
}

/**
 * Appends the code. rsi: A; rdx: B; rcx: C; r8: bias; r9, r10: scratch for B and A, 64-byte aligned. Keeps rdi, rsp, r9
 * and r10 only. B and bias are read, and C is written, within their bounds.
 */
export function emitProduct(a: Assembler, spec: ProductSpec, frame: Frame, tiles: TileSet): void {
  invariant(!(spec.transA && spec.transB), () => 'a product of two transposed matrices');
  invariant(spec.triangle === undefined || spec.hasBias !== true, () => 'a triangle with a bias');
  const { strideA, strideB, transA, transB } = spec;
  const cut = cutOf(spec);
  const slot = (name: string) => frame.slot(`product ${name}`);
  const [blockA, chunkB, blockB, chunkC, bias] = ['block of A', 'chunk of B', 'block of B', 'chunk of C', 'bias'].map(
    slot,
  ) as [Slot, Slot, Slot, Slot, Slot];
  const [startA, inner, flags, blocksLeft, chunksLeft, panels, isLastChunk] = [
    'A',
    'inner',
    'flags',
    'blocks',
    'chunks',
    'panels',
    'is last',
  ].map(slot) as [Slot, Slot, Slot, Slot, Slot, Slot, Slot];
  a.mov(startA, rsi);
  a.mov(chunkB, rdx);
  a.mov(chunkC, rcx);
  if (spec.hasBias === true) a.mov(bias, r8);
  if (cut.tail % VECTOR !== 0) emitMask(a, k1, cut.tail % VECTOR);
  const set = (to: Slot, value: number): void => {
    a.mov(rax, value);
    a.mov(to, rax);
  };

  set(chunksLeft, cut.chunks);
  const nextChunk = a.bind();
  const isInner = a.label();
  set(panels, cut.chunks === 1 ? cut.lastPanels : cut.chunkPanels);
  set(isLastChunk, cut.chunks === 1 ? 1 : 0);
  if (cut.chunks > 1) {
    a.mov(rbx, chunksLeft);
    a.cmp(rbx, 1);
    a.jne(isInner);
    set(panels, cut.lastPanels);
    set(isLastChunk, 1);
    a.bind(isInner);
  }
  a.mov(rax, startA);
  a.mov(blockA, rax);
  a.mov(rax, chunkB);
  a.mov(blockB, rax);
  set(flags, 0);
  set(blocksLeft, cut.blocks);

  const nextBlock = a.bind();
  const isMiddle = a.label();
  set(inner, cut.blocks === 1 ? cut.lastBlock : cut.block);
  if (cut.blocks > 1) {
    a.mov(rbx, blocksLeft);
    a.cmp(rbx, 1);
    a.jne(isMiddle);
    set(inner, cut.lastBlock);
  }
  a.mov(rax, flags);
  a.or(rax, IS_LAST);
  a.mov(flags, rax);
  a.bind(isMiddle);
  emitPanels(a, spec, cut, { blockB, inner, panels, isLastChunk });
  emitRowsOfTiles(a, spec, cut, tiles, {
    blockA,
    chunkC,
    bias,
    inner,
    flags,
    panels,
    isLastChunk,
    firstRow: slot('row'),
    from: slot('from'),
    count: slot('count'),
  });
  if (cut.blocks > 1) {
    a.mov(rax, flags);
    a.or(rax, KEEPS_SUMS);
    a.mov(flags, rax);
    a.add(blockA, cut.block * (transA ? strideA : 1) * FLOAT);
    a.add(blockB, cut.block * (transB ? 1 : strideB) * FLOAT);
    a.sub(blocksLeft, 1);
    a.jne(nextBlock);
  }
  if (cut.chunks > 1) {
    a.add(chunkC, cut.chunkPanels * PANEL_BYTES);
    if (spec.hasBias === true) a.add(bias, cut.chunkPanels * PANEL_BYTES);
    a.add(chunkB, cut.chunkPanels * PANEL * (transB ? strideB : 1) * FLOAT);
    a.sub(chunksLeft, 1);
    a.jne(nextChunk);
  }
}

type Slot = ReturnType<Frame['slot']>;

/** Packs a block of a chunk of B at r9. */
function emitPanels(
  a: Assembler,
  { transB, strideB }: ProductSpec,
  cut: Cut,
  slots: Record<'blockB' | 'inner' | 'panels' | 'isLastChunk', Slot>,
): void {
  const panel = (columns: number, vectors: number): void => {
    a.mov(r11, rsi);
    a.mov(r14, slots.inner);
    if (transB) emitColumnPanel(a, columns, vectors, strideB * FLOAT, cut.lastBlock % VECTOR);
    else emitRowPanel(a, columns, vectors, strideB * FLOAT);
  };
  const [tail, done] = [a.label(), a.label()];
  a.mov(rsi, slots.blockB);
  a.mov(r12, r9);
  if (cut.lastPanels > 0 || cut.chunks > 1) {
    a.mov(rbx, slots.panels);
    a.test(rbx, rbx);
    a.je(tail);
    const loop = a.bind();
    panel(PANEL, PANEL / VECTOR);
    a.add(rsi, PANEL * (transB ? strideB : 1) * FLOAT);
    a.dec(rbx);
    a.jne(loop);
  }
  a.bind(tail);
  if (cut.tail === 0) return;
  a.mov(rax, slots.isLastChunk);
  a.test(rax, rax);
  a.je(done);
  panel(cut.tail, cut.tailVectors);
  a.bind(done);
}

type RowSlots = Record<
  'blockA' | 'chunkC' | 'bias' | 'inner' | 'flags' | 'panels' | 'isLastChunk' | 'firstRow' | 'from' | 'count',
  Slot
>;

/** All tiles of a block of the inner axis and a chunk of columns, row by row. */
function emitRowsOfTiles(a: Assembler, spec: ProductSpec, cut: Cut, tiles: TileSet, slots: RowSlots): void {
  const { transA, strideA, strideC, triangle } = spec;
  a.mov(rsi, slots.blockA);
  a.mov(rcx, slots.chunkC);
  if (triangle !== undefined) {
    a.mov(rax, 0);
    a.mov(slots.firstRow, rax);
  }
  for (const { height, count } of heightsOf(spec.rows)) {
    a.mov(rdx, count);
    const loop = a.bind();
    if (triangle !== undefined) emitLimits(a, triangle, height, slots);
    if (transA) {
      a.mov(r11, rsi);
      a.mov(r14, slots.inner);
      if (triangle?.kind === 'inner-from') {
        a.mov(rax, slots.from);
        a.sub(r14, rax);
        a.imul(rax, rax, strideA * FLOAT);
        a.add(r11, rax);
      }
      emitRows(a, height, strideA * FLOAT, r10);
    }
    emitRowOfTiles(a, spec, cut, tiles, height, slots);
    a.add(rsi, height * (transA ? 1 : strideA) * FLOAT);
    a.add(rcx, height * strideC * FLOAT);
    if (triangle !== undefined) a.add(slots.firstRow, height);
    a.dec(rdx);
    a.jne(loop);
  }
}

/**
 * Leaves `from` and `count` of the inner axis, or (kind `columns`) the number of columns in `count`, for the tiles at
 * `firstRow`.
 */
function emitLimits(a: Assembler, { kind, offset }: Triangle, height: number, slots: RowSlots): void {
  a.mov(rax, slots.firstRow);
  if (kind === 'inner-from') {
    a.sub(rax, offset);
    a.mov(rbx, 0);
    a.cmp(rax, rbx);
    a.cmov('l', rax, rbx);
    a.mov(slots.from, rax);
    a.mov(rbx, slots.inner);
    a.sub(rbx, rax);
    a.mov(slots.count, rbx);
    return;
  }
  a.add(rax, height + offset);
  if (kind === 'inner') {
    a.mov(rbx, slots.inner);
    a.cmp(rax, rbx);
    a.cmov('g', rax, rbx);
  }
  a.mov(slots.count, rax);
}

/** One row of tiles: A at rsi (or packed at r10), C at rcx. */
function emitRowOfTiles(
  a: Assembler,
  spec: ProductSpec,
  cut: Cut,
  tiles: TileSet,
  height: number,
  slots: RowSlots,
): void {
  const { transA, strideA, strideC, triangle, alpha = 1, hasBias = false } = spec;
  const isLimited = triangle !== undefined && triangle.kind !== 'columns';
  const tile = (columns: number, vectors: number): void => {
    a.mov(r11, transA ? r10 : rsi);
    a.mov(r14, isLimited ? slots.count : slots.inner);
    a.mov(r15, slots.flags);
    if (isLimited) a.mov(r12, rax);
    if (triangle?.kind === 'inner-from') {
      a.mov(rbp, slots.from);
      a.imul(rbp, rbp, vectors * VECTOR * FLOAT);
      a.add(r12, rbp);
    }
    const [rowStride, innerStride] = transA ? [FLOAT, height * FLOAT] : [strideA * FLOAT, FLOAT];
    a.call(
      tiles.label({
        rows: height,
        vectors,
        isMasked: columns % VECTOR !== 0,
        rowStride,
        innerStride,
        stride: strideC * FLOAT,
        alpha,
        hasBias,
      }),
    );
  };
  const [tail, done] = [a.label(), a.label()];
  a.mov(isLimited ? rax : r12, r9);
  a.mov(r13, rcx);
  if (hasBias) a.mov(rbp, slots.bias);
  if (cut.lastPanels > 0 || cut.chunks > 1) {
    a.mov(rbx, slots.panels);
    if (triangle?.kind === 'columns') {
      a.mov(r11, slots.count);
      a.add(r11, PANEL - 1);
      a.shr(r11, Math.log2(PANEL));
      a.cmp(rbx, r11);
      a.cmov('g', rbx, r11);
    }
    a.test(rbx, rbx);
    a.je(tail);
    const loop = a.bind();
    tile(PANEL, PANEL / VECTOR);
    if (isLimited) a.add(rax, cut.lastBlock * PANEL_BYTES);
    a.add(r13, PANEL_BYTES);
    if (hasBias) a.add(rbp, PANEL_BYTES);
    a.dec(rbx);
    a.jne(loop);
  }
  a.bind(tail);
  if (cut.tail === 0) return;
  if (triangle?.kind === 'columns') {
    a.mov(rbx, slots.count);
    a.cmp(rbx, cut.lastPanels * PANEL);
    a.jle(done);
  } else {
    a.mov(rbx, slots.isLastChunk);
    a.test(rbx, rbx);
    a.je(done);
  }
  tile(cut.tail, cut.tailVectors);
  a.bind(done);
}
