// LayerNorm: kernels of the normalisation of rows to mean 0 and variance 1 and of its gradient. A row is read from
// memory once, then from the first-level cache; its bits depend on its elements alone.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { k1, r8, r9, r10, r11, rax, rcx, rdi, rdx, rsi, zmm } from '../x86/registers.js';
import type { HalfWay } from './cpu-features.js';
import { type HalfArrays, HalfElements } from './half-elements.js';
import { emitAcross, emitTree } from './horizontal.js';
import type { Kernel } from './kernel.js';
import { emitParts, type Range, rangesOf } from './parts.js';
import { emitSpan, emitTailMask, rowUnrolling } from './span.js';

export interface LayerNormSpec {
  readonly rows: number;
  readonly width: number;
  readonly epsilon: number;
  /** Of x and y. */
  readonly halves?: HalfArrays;
}

const POINTER = 8;
const FLOAT = 4;
const SUMS = 4;
/** Rows that are worth a thread, and the unit of the cut. */
const UNIT = 8;

/** Buffers: x [rows, width], gain [width], bias [width]; y [rows, width], mean [rows], 1 / deviation [rows]. */
export function layerNormKernel(spec: LayerNormSpec, threads: number, way: () => HalfWay): Kernel {
  const { rows, width, halves } = spec;
  const elements = new HalfElements(halves, way);
  const a = new Assembler();
  const ranges = rangesOf(rows, threads, UNIT);
  emitParts(a, ranges.length, rdx, (part) => emitForward(a, spec, ranges[part] as Range, elements));
  return {
    code: a.finish(),
    inputs: [elements.read(0), 'float32', 'float32'],
    outputs: [rows * width, rows, rows],
    outputTypes: [elements.written, 'float32', 'float32'],
    scratchBytes: 0,
    parts: ranges.length,
  };
}

/** The rows of a range, and the return. */
function emitForward(
  a: Assembler,
  { width, epsilon }: LayerNormSpec,
  { from, to }: Range,
  elements: HalfElements,
): void {
  const [x, gain, bias, y, means, reciprocals, left] = [rsi, rdx, rcx, r8, r9, r10, r11];
  [x, gain, bias, y, means, reciprocals].forEach((register, i) => a.mov(register, mem(rdi, { disp: i * POINTER })));
  const forward = (rows: number): void => {
    a.add(x, rows * width * elements.readBytes(0));
    a.add(y, rows * width * elements.writtenBytes);
  };
  forward(from);
  for (const pointer of [means, reciprocals]) a.add(pointer, from * FLOAT);
  emitTailMask(a, k1, width, rax);
  a.mov(left, to - from);
  const [mean, reciprocal, average] = [zmm(29), zmm(30), zmm(31)];
  const sums = Array.from({ length: SUMS }, (_, i) => zmm(16 + i));
  const options = { counter: rax, unrolled: rowUnrolling(width), mask: k1, isMaskSet: true };
  const clear = (): void => sums.forEach((sum) => a.vpxord(sum, sum, sum));
  const addUp = (): void => {
    emitTree(sums, (to, from) => a.vaddps(to, to, from));
    emitAcross(a, 'vaddps', zmm(16), zmm(17));
  };
  a.vbroadcastss(average, a.float(1 / width));
  const row = a.bind();
  clear();
  emitSpan(a, width, options, (lanes) =>
    lanes.forEach((lane, i) => {
      const sum = zmm(16 + (i % SUMS));
      if (lane.mask === null && elements.read(0) === 'float32') a.vaddps(sum, sum, lane.at(x));
      else {
        elements.load(lane, 0, zmm(i % 8), x);
        a.vaddps(sum, sum, zmm(i % 8));
      }
    }),
  );
  addUp();
  a.vmulps(mean, zmm(16), average);
  clear();
  emitSpan(a, width, options, (lanes) =>
    lanes.forEach((lane, i) => {
      const [sum, centred] = [zmm(16 + (i % SUMS)), zmm(i % 8)];
      elements.load(lane, 0, centred, x);
      a.vsubps(lane.only(centred), centred, mean);
      a.vfmadd231ps(sum, centred, centred);
    }),
  );
  addUp();
  a.vmulps(zmm(16), zmm(16), average);
  a.vaddps(zmm(16).xmm, zmm(16).xmm, a.splat(epsilon));
  a.vsqrtps(zmm(16).xmm, zmm(16).xmm);
  a.vbroadcastss(zmm(17).xmm, a.float(1));
  a.vdivps(zmm(16).xmm, zmm(17).xmm, zmm(16).xmm);
  a.vbroadcastss(reciprocal, zmm(16).xmm);
  a.vmovss(mem(means), mean.xmm);
  a.vmovss(mem(reciprocals), reciprocal.xmm);
  emitSpan(a, width, options, (lanes) =>
    lanes.forEach((lane, i) => {
      const [value, factor] = [zmm(i % 8), zmm(8 + (i % 8))];
      elements.load(lane, 0, value, x);
      lane.load(factor, gain);
      a.vsubps(value, value, mean);
      a.vmulps(factor, factor, reciprocal);
      lane.load(zmm(18 + (i % 8)), bias);
      a.vfmadd213ps(value, factor, zmm(18 + (i % 8)));
      elements.store(lane, y, value, [zmm(26), zmm(27)]);
    }),
  );
  forward(1);
  for (const pointer of [means, reciprocals]) a.add(pointer, FLOAT);
  a.dec(left);
  a.jne(row);
  a.vzeroupper();
  a.ret();
}
