// Gelu: kernels of the Gaussian error linear unit, x times the normal distribution function of x, and of its gradient; one pass each. With t = |x| and q(t) the
// distribution function at -t: gelu(x) = max(x, 0) - t q(t); its slope is s(t) = q(t) - t density(t) below 0 and 1 - s(t) above.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { k2, r8, rax, rdi, rdx, rsi, zmm } from '../x86/registers.js';
import type { Kernel } from './kernel.js';
import { PiecewiseTables, type PiecewiseFunction } from './piecewise.js';
import { emitSpan } from './span.js';

export interface GeluSpec {
  /** Number of elements. */
  readonly size: number;
}

const POINTER = 8;
const FIRST_TABLE = 16;

const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/** The normal distribution function at -x, for |x| < 8: absolute error about 1e-16. Sum over x^(2 i + 1) / (1 3 5 ... (2 i + 1)). */
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

/** Buffers: x, y. */
export function geluKernel({ size }: GeluSpec): Kernel {
  const a = new Assembler();
  const [x, y] = [rsi, rdx];
  a.mov(x, mem(rdi));
  a.mov(y, mem(rdi, { disp: POINTER }));
  const tail = new PiecewiseTables(a, TAIL, FIRST_TABLE);
  const zero = zmm(30);
  a.vpxord(zero, zero, zero);
  a.vpbroadcastd(zmm(31), a.int(ABSOLUTE));
  emitSpan(a, size, { counter: rax, unrolled: 2 }, (lanes) =>
    lanes.forEach((lane, i) => {
      const [value, t, q, piece, distance, coefficient] = registers(i * 6);
      lane.load(value, x);
      a.vandps(t, value, zmm(31));
      a.vmaxps(value, zero, value);
      tail.emit(q, t, piece, distance, coefficient);
      a.vfnmadd231ps(value, t, q);
      lane.store(y, value);
    }),
  );
  a.vzeroupper();
  a.ret();
  return { code: a.finish(), inputs: ['float32'], outputs: [size], scratchBytes: 0 };
}

/** Buffers: dy, x, dx. */
export function geluGradientKernel({ size }: GeluSpec): Kernel {
  const a = new Assembler();
  const [dy, x, dx] = [rsi, rdx, r8];
  [dy, x, dx].forEach((register, i) => a.mov(register, mem(rdi, { disp: i * POINTER })));
  const slope = new PiecewiseTables(a, SLOPE, FIRST_TABLE);
  const [one, absolute, zero] = [zmm(29), zmm(30), zmm(31)];
  a.vbroadcastss(one, a.float(1));
  a.vpbroadcastd(absolute, a.int(ABSOLUTE));
  a.vpxord(zero, zero, zero);
  emitSpan(a, size, { counter: rax, unrolled: 2 }, (lanes) =>
    lanes.forEach((lane, i) => {
      const [t, s, piece, distance, coefficient, gradient] = registers(i * 6);
      lane.load(t, x);
      a.vpcmpd(k2, t, zero, 5);
      a.vandps(t, t, absolute);
      slope.emit(s, t, piece, distance, coefficient);
      a.vsubps(s.masked(k2), one, s);
      lane.load(gradient, dy);
      a.vmulps(s, s, gradient);
      lane.store(dx, s);
    }),
  );
  a.vzeroupper();
  a.ret();
  return { code: a.finish(), inputs: ['float32', 'float32'], outputs: [size], scratchBytes: 0 };
}

type Six = readonly [Vector, Vector, Vector, Vector, Vector, Vector];
type Vector = ReturnType<typeof zmm>;
const registers = (first: number): Six => [0, 1, 2, 3, 4, 5].map((i) => zmm(first + i)) as unknown as Six;
