// HalfGemm: a kernel of one product of two matrices of bfloat16, with a bias if wanted.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { r8, r9, r10, r11, rax, rcx, rdi, rdx, rsi } from '../x86/registers.js';
import { tileShapes } from './block.js';
import type { HalfWay } from './cpu-features.js';
import { Frame } from './frame.js';
import type { GemmSpec } from './gemm.js';
import { emitHalfProduct, halfProductScratch } from './half-product.js';
import type { Kernel } from './kernel.js';
import { PANEL } from './tile.js';
import { TileSet } from './tile-set.js';

const HALF = 2;
const FLOAT = 4;
const POINTER = 8;

export interface HalfGemmSpec extends GemmSpec {
  /** C is bfloat16. */
  readonly rounds: boolean;
}

/** Buffers: A, B, bias [columns] in float32 if there is one, C [rows, columns]; all dense. */
export function halfGemmKernel(spec: HalfGemmSpec, threads: number, way: HalfWay): Kernel {
  const { rows, columns, inner, transA, transB, hasBias, rounds } = spec;
  const a = new Assembler();
  const frame = new Frame();
  const tiles = new TileSet(a);
  const product = { ...spec, strideA: transA ? rows : inner, strideB: transB ? inner : columns, strideC: columns };
  // Every part has panels of its own: nothing of B is packed twice.
  const panels = Math.ceil(columns / PANEL);
  const partPanels = Math.ceil(panels / Math.min(threads, panels));
  const parts = Math.ceil(panels / partPanels);
  const partColumns = parts === 1 ? columns : partPanels * PANEL;
  const lastColumns = columns - (parts - 1) * partColumns;
  const { before, packedB, packedA } = halfProductScratch({ ...product, columns: partColumns }, way);
  const last = halfProductScratch({ ...product, columns: lastColumns }, way);
  const roomB = Math.max(packedB, last.packedB);
  frame.enter(a);
  a.mov(rax, rdx);
  a.lea(r9, mem(rsi, { disp: before }));
  a.lea(r10, mem(rsi, { disp: before + roomB }));
  a.mov(rsi, mem(rdi));
  a.mov(rdx, mem(rdi, { disp: POINTER }));
  if (hasBias) a.mov(r8, mem(rdi, { disp: 2 * POINTER }));
  a.mov(rcx, mem(rdi, { disp: (hasBias ? 3 : 2) * POINTER }));
  if (way === 'tiles') a.ldtilecfg(a.table(tileShapes()));
  const write = (of: number): void => {
    emitHalfProduct(a, { ...product, columns: of }, way, frame, tiles);
    if (way === 'tiles') a.tilerelease();
    frame.leave(a);
  };
  if (parts > 1) {
    const isLast = a.label();
    a.mov(r11, rax);
    a.imul(rax, rax, partColumns * HALF);
    a.add(rcx, rax);
    if (!rounds) a.add(rcx, rax);
    if (hasBias) {
      a.add(r8, rax);
      a.add(r8, rax);
    }
    if (transB) a.imul(rax, rax, inner);
    a.add(rdx, rax);
    a.cmp(r11, parts - 1);
    a.je(isLast);
    write(partColumns);
    a.bind(isLast);
  }
  write(lastColumns);
  tiles.emit();
  return {
    code: a.finish(),
    inputs: ['bfloat16', 'bfloat16', ...(hasBias ? (['float32'] as const) : [])],
    outputs: [rows * columns],
    ...(rounds ? { outputTypes: ['bfloat16'] as const } : {}),
    scratchBytes: before + roomB + packedA + PANEL * FLOAT,
    parts,
  };
}
