// Block: the innermost loop of a product of bfloat16 with AMX: up to 32 rows of C by one panel of columns in four
// tiles, 32 steps of the inner axis at a time. The order in which an element's products are added is that of the
// processor within 32 steps and that of the inner axis beyond, so its bits depend neither on its block nor on its
// place.
import type { Assembler } from '../x86/assembler.js';
import type { Label } from '../x86/label.js';
import { mem } from '../x86/memory.js';
import { k1, r9, r11, r12, r13, r14, r15, rax, rbp, rdx, tmm, zmm } from '../x86/registers.js';
import { PANEL, VECTOR } from './tile.js';

/** Rows of a tile and of a block. */
const TILE_ROWS = 16;
export const BLOCK_ROWS = 2 * TILE_ROWS;
/** Steps of the inner axis that a tile of A or B has. */
export const BLOCK_STEPS = 32;
const TILE_BYTES = 64;
const FLOAT = 4;
const HALF = 2;
const PANEL_BYTES = PANEL * FLOAT;
/** Bytes of scratch memory for the sums of a block. */
export const BLOCK_SUMS = BLOCK_ROWS * PANEL_BYTES;

export interface BlockShape {
  /** Rows and columns of C that exist, at most 32 each. */
  readonly rows: number;
  readonly columns: number;
  /** Blocks of 32 on the inner axis, at least 1. */
  readonly steps: number;
  /** Bytes from one row of A to the next; up to a multiple of 16 rows may be read. */
  readonly rowStride: number;
  /** Bytes from one row of C to the next. */
  readonly stride: number;
  readonly hasBias: boolean;
  /** Factor of the sums; 1 for none. */
  readonly alpha: number;
  /** C is bfloat16. */
  readonly rounds: boolean;
}

/** Shapes of the tiles for `ldtilecfg`: all are full. */
export function tileShapes(): Int32Array {
  const bytes = new Uint8Array(64);
  bytes[0] = 1;
  for (let tile = 0; tile < 8; tile++) {
    bytes[16 + 2 * tile] = TILE_BYTES;
    bytes[48 + tile] = TILE_ROWS;
  }
  return new Int32Array(bytes.buffer);
}

/**
 * A subroutine. r11: A; r12: the panel of B, [inner / 2, 32] pairs; r13: C; rbp: bias of the panel; BLOCK_SUMS bytes
 * before r9 are its own. k1: columns that exist of the last vector, where that is not full. Leaves r12 behind the
 * panel; changes rax, rdx, r11, r14, r15 and all tiles and vectors.
 */
export function emitBlock(a: Assembler, label: Label, shape: BlockShape): void {
  const high = Math.ceil(shape.rows / TILE_ROWS);
  const wide = Math.ceil(shape.columns / VECTOR);
  const each = (write: (i: number, j: number) => void): void => {
    for (let i = 0; i < high; i++) for (let j = 0; j < wide; j++) write(i, j);
  };
  const sum = (i: number, j: number) => tmm(2 * i + j);
  const b = (j: number) => tmm(6 + j);
  a.align(64);
  a.bind(label);
  a.mov(rax, shape.rowStride);
  a.mov(rdx, PANEL_BYTES);
  a.mov(r14, shape.steps);
  if (high > 1) a.lea(r15, mem(r11, { disp: TILE_ROWS * shape.rowStride }));
  each((i, j) => a.tilezero(sum(i, j)));
  a.align(32);
  const loop = a.bind();
  for (let j = 0; j < wide; j++) a.tileloadd(b(j), mem(r12, { index: rdx, disp: j * TILE_BYTES }));
  for (let i = 0; i < high; i++) {
    a.tileloadd(tmm(4 + i), mem(i === 0 ? r11 : r15, { index: rax }));
    for (let j = 0; j < wide; j++) a.tdpbf16ps(sum(i, j), tmm(4 + i), b(j));
  }
  a.add(r11, TILE_BYTES);
  if (high > 1) a.add(r15, TILE_BYTES);
  a.add(r12, (BLOCK_STEPS / 2) * PANEL_BYTES);
  a.dec(r14);
  a.jne(loop);
  a.lea(r14, mem(r9, { disp: -BLOCK_SUMS }));
  each((i, j) => {
    a.tilestored(mem(r14, { index: rdx, disp: i * TILE_ROWS * PANEL_BYTES + j * TILE_BYTES }), sum(i, j));
  });
  emitEpilogue(a, shape, wide);
  a.ret();
}

/** From the sums at r14 to C. */
function emitEpilogue(a: Assembler, { rows, columns, stride, hasBias, alpha, rounds }: BlockShape, wide: number): void {
  const maskOf = (v: number) => (columns % VECTOR !== 0 && v === wide - 1 ? k1 : null);
  const bias = (v: number) => zmm(30 + v);
  if (hasBias)
    for (let v = 0; v < wide; v++) {
      const mask = maskOf(v);
      a.vmovups(mask === null ? bias(v) : bias(v).zeroed(mask), mem(rbp, { disp: v * VECTOR * FLOAT }));
    }
  for (let row = 0; row < rows; row++) {
    const x = (v: number) => zmm(4 * (row % 4) + v);
    for (let v = 0; v < wide; v++) {
      const sums = mem(r14, { disp: row * PANEL_BYTES + v * VECTOR * FLOAT });
      if (hasBias && alpha === 1) a.vaddps(x(v), bias(v), sums);
      else a.vmovups(x(v), sums);
      if (alpha === 1) continue;
      a.vmulps(x(v), x(v), a.splat(alpha));
      if (hasBias) a.vaddps(x(v), x(v), bias(v));
    }
    const half = zmm(4 * (row % 4) + 2);
    for (let v = 0; v < wide; v++) {
      const to = mem(r13, { disp: row * stride + v * VECTOR * (rounds ? HALF : FLOAT) });
      if (rounds) {
        a.vcvtneps2bf16(half.ymm, x(v));
        a.vmovdqu16(to, half.ymm, maskOf(v));
      } else a.vmovups(to, x(v), maskOf(v));
    }
  }
}
