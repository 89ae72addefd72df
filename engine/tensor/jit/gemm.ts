// Gemm: a kernel of one product of two matrices, with a bias if wanted.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { r10, r8, r9, rcx, rdi, rdx, rsi } from '../x86/registers.js';
import { Frame } from './frame.js';
import type { Kernel } from './kernel.js';
import { emitProduct, productScratch } from './product.js';
import { TileSet } from './tile-set.js';

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
export function gemmKernel(spec: GemmSpec): Kernel {
  const { rows, columns, inner, transA, transB, hasBias } = spec;
  const a = new Assembler();
  const frame = new Frame();
  const tiles = new TileSet(a);
  const product = { ...spec, strideA: transA ? rows : inner, strideB: transB ? inner : columns, strideC: columns };
  const { packedB, packedA } = productScratch(product);
  const offsetA = Math.ceil(packedB / LINE) * LINE;
  frame.enter(a);
  a.mov(r9, rsi);
  a.lea(r10, mem(rsi, { disp: offsetA }));
  a.mov(rsi, mem(rdi));
  a.mov(rdx, mem(rdi, { disp: POINTER }));
  if (hasBias) a.mov(r8, mem(rdi, { disp: 2 * POINTER }));
  a.mov(rcx, mem(rdi, { disp: (hasBias ? 3 : 2) * POINTER }));
  emitProduct(a, product, frame, tiles);
  frame.leave(a);
  tiles.emit();
  return { code: a.finish(), inputs: hasBias ? ['float32', 'float32', 'float32'] : ['float32', 'float32'], outputs: [rows * columns], scratchBytes: offsetA + packedA };
}
