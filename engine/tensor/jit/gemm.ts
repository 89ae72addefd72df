// Gemm: a kernel of one product of two matrices, with a bias if wanted.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { r8, r9, r10, r11, rax, rcx, rdi, rdx, rsi } from '../x86/registers.js';
import { Frame } from './frame.js';
import type { Kernel } from './kernel.js';
import { emitProduct, productScratch } from './product.js';
import { PANEL } from './tile.js';
import { TileSet } from './tile-set.js';

const FLOAT = 4;
const POINTER = 8;
const LINE = 64;

export interface GemmSpec {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** A lies [inner, rows]; not together with `transB`. */
  readonly transA: boolean;
  /** B lies [columns, inner]. */
  readonly transB: boolean;
  readonly hasBias: boolean;
}

/** Buffers: A, B, bias [columns] if there is one, C [rows, columns]; all dense. */
export function gemmKernel(spec: GemmSpec, threads = 1): Kernel {
  const { rows, columns, inner, transA, transB, hasBias } = spec;
  const a = new Assembler();
  const frame = new Frame();
  const tiles = new TileSet(a);
  const product = { ...spec, strideA: transA ? rows : inner, strideB: transB ? inner : columns, strideC: columns };
  // Every part has panels of its own: nothing is packed twice, except a transposed A.
  const panels = Math.ceil(columns / PANEL);
  const partPanels = Math.ceil(panels / Math.min(threads, panels));
  const parts = Math.ceil(panels / partPanels);
  const partColumns = parts === 1 ? columns : partPanels * PANEL;
  const lastColumns = columns - (parts - 1) * partColumns;
  const { packedB, packedA } = productScratch({ ...product, columns: partColumns });
  const offsetA = Math.ceil(packedB / LINE) * LINE;
  frame.enter(a);
  a.mov(rax, rdx);
  a.mov(r9, rsi);
  a.lea(r10, mem(rsi, { disp: offsetA }));
  a.mov(rsi, mem(rdi));
  a.mov(rdx, mem(rdi, { disp: POINTER }));
  if (hasBias) a.mov(r8, mem(rdi, { disp: 2 * POINTER }));
  a.mov(rcx, mem(rdi, { disp: (hasBias ? 3 : 2) * POINTER }));
  if (parts > 1) {
    const last = a.label();
    a.mov(r11, rax);
    a.imul(rax, rax, partColumns * FLOAT);
    a.add(rcx, rax);
    if (hasBias) a.add(r8, rax);
    if (transB) a.imul(rax, rax, inner);
    a.add(rdx, rax);
    a.cmp(r11, parts - 1);
    a.je(last);
    emitProduct(a, { ...product, columns: partColumns }, frame, tiles);
    frame.leave(a);
    a.bind(last);
  }
  emitProduct(a, { ...product, columns: lastColumns }, frame, tiles);
  frame.leave(a);
  tiles.emit();
  return {
    code: a.finish(),
    inputs: hasBias ? ['float32', 'float32', 'float32'] : ['float32', 'float32'],
    outputs: [rows * columns],
    scratchBytes: offsetA + packedA,
    parts,
  };
}
