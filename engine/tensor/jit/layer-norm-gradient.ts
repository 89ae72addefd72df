// LayerNormGradient: kernel of the gradient of a layer norm. With c = x - mean, r = 1 / deviation, g = dy gain: dx = r (g - avg(g)) - c r^3 avg(g c);
// dgain = sum dy c r; dbias = sum dy. The sums over rows are taken in blocks, so that their error grows with the size and the number of blocks, not with the
// number of rows.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import { k1, r10, r11, r12, r13, r14, r15, r8, r9, rax, rcx, rdi, rdx, rsi, zmm, type VectorRegister } from '../x86/registers.js';
import { emitSumAcross } from './across.js';
import { Frame } from './frame.js';
import type { Kernel } from './kernel.js';
import { emitSpan, emitTailMask, rowUnrolling, type SpanOptions } from './span.js';

export interface LayerNormGradientSpec {
  readonly rows: number;
  readonly width: number;
}

const POINTER = 8;
const FLOAT = 4;
const LINE = 64;
/** Rows that share what is read and written per column. */
const GROUP = 4;
/** Groups of a block. */
const BLOCK = 16;

const [dy, x, gain, means, reciprocals, dx, dgain, dbias] = [rsi, rdx, rcx, r8, r9, r10, r12, r13];
/** Sums of the block so far: of dgain, then of dbias. */
const sums = r11;
const [counter, groupsLeft, untilFlush] = [rax, r14, r15];

/** Buffers: dy [rows, width], x [rows, width], gain [width], mean [rows], 1 / deviation [rows]; dx [rows, width], dgain [width], dbias [width]. */
export function layerNormGradientKernel({ rows, width }: LayerNormGradientSpec): Kernel {
  const a = new Assembler();
  const frame = new Frame();
  const half = Math.ceil((width * FLOAT) / LINE) * LINE;
  frame.enter(a);
  a.mov(sums, rsi);
  [dy, x, gain, means, reciprocals, dx, dgain, dbias].forEach((register, i) => a.mov(register, mem(rdi, { disp: i * POINTER })));
  emitTailMask(a, k1, width, rax);
  const span = { counter, mask: k1, isMaskSet: true };
  emitClear(a, width, span, half);
  const [groups, rest] = [Math.floor(rows / GROUP), rows % GROUP];
  if (groups > 0) {
    const [next, done] = [a.label(), a.label()];
    a.mov(groupsLeft, groups);
    a.mov(untilFlush, BLOCK);
    a.bind(next);
    emitGroup(a, GROUP, width, half);
    a.dec(groupsLeft);
    a.je(done);
    a.dec(untilFlush);
    a.jne(next);
    emitFlush(a, width, span, half);
    a.mov(untilFlush, BLOCK);
    a.jmp(next);
    a.bind(done);
  }
  if (rest > 0) emitGroup(a, rest, width, half);
  emitFlush(a, width, span, half);
  frame.leave(a);
  return { code: a.finish(), inputs: ['float32', 'float32', 'float32', 'float32', 'float32'], outputs: [rows * width, width, width], scratchBytes: 2 * half };
}

function emitClear(a: Assembler, width: number, span: SpanOptions, half: number): void {
  a.vpxord(zmm(0), zmm(0), zmm(0));
  emitSpan(a, width, span, (lanes) =>
    lanes.forEach((lane) => {
      for (const total of [dgain, dbias]) lane.store(total, zmm(0));
      for (const bytes of [0, half]) lane.store(sums, zmm(0), bytes);
    }),
  );
}

/** Adds the sums of the block to the totals and starts the next block. */
function emitFlush(a: Assembler, width: number, span: SpanOptions, half: number): void {
  a.vpxord(zmm(0), zmm(0), zmm(0));
  emitSpan(a, width, span, (lanes) =>
    lanes.forEach((lane) => {
      [dgain, dbias].forEach((total, i) => {
        lane.load(zmm(1), total);
        lane.load(zmm(2), sums, i * half);
        a.vaddps(zmm(1), zmm(1), zmm(2));
        lane.store(total, zmm(1));
        lane.store(sums, zmm(0), i * half);
      });
    }),
  );
}

/** What a row needs in registers throughout. */
interface Row {
  readonly mean: VectorRegister;
  readonly reciprocal: VectorRegister;
  /** First the sum of g, then r avg(g). */
  readonly level: VectorRegister;
  /** First the sum of g c, then r^3 avg(g c). */
  readonly slope: VectorRegister;
  /** Behind the first row of the group. */
  readonly bytes: number;
}

/** The next `count` rows; moves the pointers behind them. */
function emitGroup(a: Assembler, count: number, width: number, half: number): void {
  const rows: Row[] = Array.from({ length: count }, (_, i) => ({
    mean: zmm(16 + 4 * i), reciprocal: zmm(17 + 4 * i), level: zmm(18 + 4 * i), slope: zmm(19 + 4 * i), bytes: i * width * FLOAT,
  }));
  rows.forEach(({ mean, reciprocal, level, slope }, i) => {
    a.vbroadcastss(mean, mem(means, { disp: i * FLOAT }));
    a.vbroadcastss(reciprocal, mem(reciprocals, { disp: i * FLOAT }));
    a.vpxord(level, level, level);
    a.vpxord(slope, slope, slope);
  });
  const options = { counter, unrolled: Math.min(8, rowUnrolling(width)), mask: k1, isMaskSet: true };
  emitSpan(a, width, options, (lanes) =>
    lanes.forEach((lane) => {
      lane.load(zmm(0), gain);
      rows.forEach(({ mean, level, slope, bytes }, i) => {
        const [g, c] = [zmm(1 + 2 * i), zmm(2 + 2 * i)];
        lane.load(g, dy, bytes);
        lane.load(c, x, bytes);
        a.vmulps(g, g, zmm(0));
        a.vsubps(c, c, mean);
        a.vaddps(level, level, g);
        a.vfmadd231ps(slope, g, c);
      });
    }),
  );
  for (const { reciprocal, level, slope } of rows) {
    for (const sum of [level, slope]) {
      emitSumAcross(a, sum, zmm(0));
      a.vmulps(sum, sum, a.splat(1 / width));
      a.vmulps(sum, sum, reciprocal);
    }
    a.vmulps(slope, slope, reciprocal);
    a.vmulps(slope, slope, reciprocal);
  }
  emitSpan(a, width, options, (lanes) =>
    lanes.forEach((lane) => {
      lane.load(zmm(0), gain);
      lane.load(zmm(1), sums);
      lane.load(zmm(2), sums, half);
      rows.forEach(({ mean, reciprocal, level, slope, bytes }, i) => {
        const [d, c, g] = [zmm(3 + 3 * i), zmm(4 + 3 * i), zmm(5 + 3 * i)];
        lane.load(d, dy, bytes);
        lane.load(c, x, bytes);
        a.vsubps(c, c, mean);
        a.vmulps(g, d, zmm(0));
        a.vaddps(zmm(2), zmm(2), d);
        a.vmulps(d, d, reciprocal);
        a.vfmadd231ps(zmm(1), d, c);
        a.vfmsub213ps(g, reciprocal, level);
        a.vfnmadd231ps(g, c, slope);
        lane.store(dx, g, bytes);
      });
      lane.store(sums, zmm(1));
      lane.store(sums, zmm(2), half);
    }),
  );
  for (const pointer of [dy, x, dx]) a.add(pointer, count * width * FLOAT);
  for (const pointer of [means, reciprocals]) a.add(pointer, count * FLOAT);
}
