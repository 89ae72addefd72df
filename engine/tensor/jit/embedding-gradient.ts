// EmbeddingGradient: kernel of the gradient of a table that rows were taken from by index: rows of equal index are
// added in the order of the indices.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { k1, r8, r9, r10, r11, rax, rcx, rdi, rdx, rsi, zmm } from '../x86/registers.js';
import type { Kernel } from './kernel.js';
import { emitParts, type Range, rangesOf } from './parts.js';
import { emitSpan, emitTailMask, rowUnrolling } from './span.js';

export interface EmbeddingGradientSpec {
  /** Number of indices. */
  readonly count: number;
  /** Of the table. */
  readonly rows: number;
  readonly width: number;
}

const POINTER = 8;
const FLOAT = 4;

/**
 * Buffers: dy [count, width], ids int32 [count]; the gradient [rows, width]. Indices outside the table are left out:
 * taking their rows has failed before.
 */
export function embeddingGradientKernel(spec: EmbeddingGradientSpec, threads = 1): Kernel {
  const a = new Assembler();
  // Every part has rows of the table of its own and looks at all indices.
  const ranges = rangesOf(spec.rows, threads, 1);
  emitParts(a, ranges.length, rdx, (part) => emitRows(a, spec, ranges[part] as Range));
  return {
    code: a.finish(),
    inputs: ['float32', 'int32'],
    outputs: [spec.rows * spec.width],
    scratchBytes: 0,
    parts: ranges.length,
  };
}

/** The rows of a range of the table, and the return. */
function emitRows(a: Assembler, { count, width }: EmbeddingGradientSpec, { from, to }: Range): void {
  const [dy, ids, gradient, left, row, place] = [rsi, rdx, r8, r9, r10, r11];
  [dy, ids, gradient].forEach((register, i) => a.mov(register, mem(rdi, { disp: i * POINTER })));
  if (from > 0) a.add(gradient, from * width * FLOAT);
  // Zeros by the instruction made for it: it does not read what it overwrites.
  a.mov(rdi, gradient);
  a.mov(rcx, (to - from) * width * FLOAT);
  a.xor(rax.low, rax.low);
  a.repStosb();
  emitTailMask(a, k1, width, rax);
  a.mov(left, count);
  const [next, skip] = [a.label(), a.label()];
  a.bind(next);
  a.mov(row.low, mem(ids));
  if (from > 0) a.sub(row.low, from);
  a.cmp(row.low, to - from);
  a.jae(skip);
  a.imul(row, row, width * FLOAT);
  a.lea(place, mem(gradient, { index: row }));
  emitSpan(a, width, { counter: rax, unrolled: Math.min(8, rowUnrolling(width)), mask: k1, isMaskSet: true }, (lanes) =>
    lanes.forEach((lane, i) => {
      const [sum, addend] = [zmm(2 * (i % 8)), zmm(2 * (i % 8) + 1)];
      lane.load(sum, place);
      lane.load(addend, dy);
      a.vaddps(sum, sum, addend);
      lane.store(place, sum);
    }),
  );
  a.bind(skip);
  a.add(dy, width * FLOAT);
  a.add(ids, FLOAT);
  a.dec(left);
  a.jne(next);
  a.vzeroupper();
  a.ret();
}
