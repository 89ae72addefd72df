// Gelu: kernels of the Gaussian error linear unit, x times the normal distribution function of x, and of its gradient;
// one pass each. With t = |x| and q(t) the distribution function at -t: gelu(x) = max(x, 0) - t q(t); its slope is s(t)
// = q(t) - t density(t) below 0 and 1 - s(t) above.
import { Assembler, COMPARE } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { type GeneralRegister, k2, r8, rax, rdi, rdx, rsi, zmm } from '../x86/registers.js';
import type { HalfWay } from './cpu-features.js';
import { type HalfArrays, HalfElements } from './half-elements.js';
import type { Kernel } from './kernel.js';
import { emitParts, type Range, rangesOf } from './parts.js';
import { type PiecewiseFunction, PiecewiseTables } from './piecewise.js';
import { emitSpan, type Lane } from './span.js';

export interface GeluSpec {
  /** Number of elements. */
  readonly size: number;
  /** Of x and y; of dy, x and dx. */
  readonly halves?: HalfArrays;
}

const POINTER = 8;
/** Elements that are worth a thread, and the unit of the cut. */
const UNIT = 1024;
const FIRST_TABLE = 16;

const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/**
 * The normal distribution function at -x, for |x| < 8: absolute error about 1e-16. Sum over x^(2 i + 1) / (1 3 5 ... (2
 * i + 1)).
 */
export function upperTail(x: number): number {
  let [sum, term] = [0, x];
  for (let odd = 1; sum + term !== sum; odd += 2) {
    sum += term;
    term *= (x * x) / (odd + 2);
  }
  return 0.5 - density(x) * sum;
}

// Behind 6.44, q and s are below 3e-9. The polynomials are off by 1e-8 at most.
const TAIL: PiecewiseFunction = { scale: 2.25, degree: 5, value: upperTail };
const SLOPE: PiecewiseFunction = { scale: 2.25, degree: 6, value: (x) => upperTail(x) - x * density(x) };

const ABSOLUTE = 0x7fffffff;

/**
 * Both kernels: elements of the buffers, in one pass. `begin` loads what stays in registers, `each` is done for 16
 * elements.
 */
function elementsKernel(
  size: number,
  threads: number,
  elements: HalfElements,
  pointers: readonly GeneralRegister[],
  begin: (a: Assembler) => (lane: Lane, registers: Six) => void,
): Kernel {
  const a = new Assembler();
  const ranges = rangesOf(size, threads, UNIT);
  const inputs = pointers.slice(1).map((_, i) => elements.read(i));
  emitParts(a, ranges.length, rdx, (part) => {
    const { from, to } = ranges[part] as Range;
    pointers.forEach((pointer, i) => {
      a.mov(pointer, mem(rdi, { disp: i * POINTER }));
      const bytes = i < inputs.length ? elements.readBytes(i) : elements.writtenBytes;
      if (from > 0) a.add(pointer, from * bytes);
    });
    const each = begin(a);
    emitSpan(a, to - from, { counter: rax, unrolled: 2 }, (lanes) =>
      lanes.forEach((lane, i) => each(lane, registers(i * 6))),
    );
    a.vzeroupper();
    a.ret();
  });
  return {
    code: a.finish(),
    inputs,
    outputs: [size],
    outputTypes: [elements.written],
    scratchBytes: 0,
    parts: ranges.length,
  };
}

/** Buffers: x, y. */
export function geluKernel({ size, halves }: GeluSpec, threads: number, way: () => HalfWay): Kernel {
  const [x, y] = [rsi, rdx];
  const elements = new HalfElements(halves, way);
  return elementsKernel(size, threads, elements, [x, y], (a) => {
    const tail = new PiecewiseTables(a, TAIL, FIRST_TABLE);
    const [zero, absolute] = [zmm(30), zmm(31)];
    a.vpxord(zero, zero, zero);
    a.vpbroadcastd(absolute, a.int(ABSOLUTE));
    return (lane, [value, t, q, piece, distance, coefficient]) => {
      elements.load(lane, 0, value, x);
      a.vandps(t, value, absolute);
      a.vmaxps(value, zero, value);
      tail.emit(q, t, piece, distance, coefficient);
      a.vfnmadd231ps(value, t, q);
      elements.store(lane, y, value, [t, q]);
    };
  });
}

/** Buffers: dy, x, dx. */
export function geluGradientKernel({ size, halves }: GeluSpec, threads: number, way: () => HalfWay): Kernel {
  const [dy, x, dx] = [rsi, rdx, r8];
  const elements = new HalfElements(halves, way);
  return elementsKernel(size, threads, elements, [dy, x, dx], (a) => {
    const slope = new PiecewiseTables(a, SLOPE, FIRST_TABLE);
    const [one, absolute, zero] = [zmm(29), zmm(30), zmm(31)];
    a.vbroadcastss(one, a.float(1));
    a.vpbroadcastd(absolute, a.int(ABSOLUTE));
    a.vpxord(zero, zero, zero);
    return (lane, [t, s, piece, distance, coefficient, gradient]) => {
      elements.load(lane, 1, t, x);
      a.vpcmpd(k2, t, zero, COMPARE.notLess);
      a.vandps(t, t, absolute);
      slope.emit(s, t, piece, distance, coefficient);
      a.vsubps(s.masked(k2), one, s);
      elements.load(lane, 0, gradient, dy);
      a.vmulps(s, s, gradient);
      elements.store(lane, dx, s, [piece, distance]);
    };
  });
}

type Six = readonly [Vector, Vector, Vector, Vector, Vector, Vector];
type Vector = ReturnType<typeof zmm>;
const registers = (first: number): Six => [0, 1, 2, 3, 4, 5].map((i) => zmm(first + i)) as unknown as Six;
