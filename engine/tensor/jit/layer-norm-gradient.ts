// LayerNormGradient: kernel of the gradient of a layer norm. With c = x - mean, r = 1 / deviation, g = dy gain: dx = r
// (g - avg(g)) - c r^3 avg(g c); dgain = sum dy c r; dbias = sum dy. The sums over rows are taken in blocks, so that
// their error grows with the size and the number of blocks, not with the number of rows.
import { Assembler } from '../x86/assembler.js';
import { mem } from '../x86/memory.js';
import {
  k1,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rcx,
  rdi,
  rdx,
  rsi,
  type VectorRegister,
  zmm,
} from '../x86/registers.js';
import type { HalfWay } from './cpu-features.js';
import { Frame } from './frame.js';
import { type HalfArrays, HalfElements } from './half-elements.js';
import { emitAcross } from './horizontal.js';
import type { Kernel } from './kernel.js';
import { emitParts, type Range, rangesOf } from './parts.js';
import { emitSpan, emitTailMask, type Lane, rowUnrolling, type SpanOptions, VECTOR } from './span.js';

export interface LayerNormGradientSpec {
  readonly rows: number;
  readonly width: number;
  /** Of dy, x and dx. */
  readonly halves?: HalfArrays;
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

/**
 * Buffers: dy [rows, width], x [rows, width], gain [width], mean [rows], 1 / deviation [rows]; dx [rows, width], dgain
 * [width], dbias [width].
 */
export function layerNormGradientKernel(
  { rows, width, halves }: LayerNormGradientSpec,
  threads: number,
  way: () => HalfWay,
): Kernel {
  const elements = new HalfElements(halves, way);
  const a = new Assembler();
  // One thread does all in one pass. Of several, each has rows of its own for dx and columns of its own for the sums.
  const [ownRows, ownColumns] = [rangesOf(rows, threads, GROUP), rangesOf(width, threads, VECTOR)];
  const parts = Math.max(ownRows.length, ownColumns.length);
  const whole = { from: 0, to: width };
  emitParts(a, parts, rdx, (part) => {
    const frame = new Frame();
    frame.enter(a);
    a.mov(sums, rsi);
    if (parts === 1)
      emitPass(a, elements, { rows: { from: 0, to: rows }, columns: whole, width, hasRows: true, hasSums: true });
    else {
      const [some, columns] = [ownRows[part], ownColumns[part]];
      if (some !== undefined)
        emitPass(a, elements, { rows: some, columns: whole, width, hasRows: true, hasSums: false });
      if (columns !== undefined)
        emitPass(a, elements, { rows: { from: 0, to: rows }, columns, width, hasRows: false, hasSums: true });
    }
    frame.leave(a);
  });
  return {
    code: a.finish(),
    inputs: [elements.read(0), elements.read(1), 'float32', 'float32', 'float32'],
    outputs: [rows * width, width, width],
    outputTypes: [elements.written, 'float32', 'float32'],
    scratchBytes: 2 * sumBytes(width),
    parts,
  };
}

/** Bytes of one of the two rows of sums. */
const sumBytes = (columns: number): number => Math.ceil((columns * FLOAT) / LINE) * LINE;

interface Pass {
  readonly rows: Range;
  readonly columns: Range;
  readonly width: number;
  readonly hasRows: boolean;
  readonly hasSums: boolean;
}

/** These rows, these columns of them: `hasRows` for dx, `hasSums` for dgain and dbias. */
function emitPass(a: Assembler, elements: HalfElements, { rows, columns, width, hasRows, hasSums }: Pass): void {
  [dy, x, gain, means, reciprocals, dx, dgain, dbias].forEach((register, i) =>
    a.mov(register, mem(rdi, { disp: i * POINTER })),
  );
  forward(a, elements, rows.from * width + columns.from);
  for (const pointer of [means, reciprocals]) a.add(pointer, rows.from * FLOAT);
  for (const pointer of [gain, dgain, dbias]) a.add(pointer, columns.from * FLOAT);
  const [count, number] = [columns.to - columns.from, rows.to - rows.from];
  const half = sumBytes(count);
  emitTailMask(a, k1, count, rax);
  const span = { counter, mask: k1, isMaskSet: true };
  const group = (size: number): void =>
    emitGroup(a, elements, { rows: size, stride: width * FLOAT, columns: count, half, hasRows, hasSums });
  const flush = (): void => {
    if (hasSums) emitFlush(a, count, span, half);
  };
  if (hasSums) emitClear(a, count, span, half);
  const [groups, rest] = [Math.floor(number / GROUP), number % GROUP];
  if (groups > 0) {
    const [next, done] = [a.label(), a.label()];
    a.mov(groupsLeft, groups);
    a.mov(untilFlush, BLOCK);
    a.bind(next);
    group(GROUP);
    a.dec(groupsLeft);
    a.je(done);
    a.dec(untilFlush);
    a.jne(next);
    flush();
    a.mov(untilFlush, BLOCK);
    a.jmp(next);
    a.bind(done);
  }
  if (rest > 0) group(rest);
  flush();
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

interface Group {
  readonly rows: number;
  /** Bytes from a row of float32 to the next. */
  readonly stride: number;
  readonly columns: number;
  /** Bytes of the sums of dgain. */
  readonly half: number;
  readonly hasRows: boolean;
  readonly hasSums: boolean;
}

/** Moves the pointers to matrices by a number of elements. */
function forward(a: Assembler, elements: HalfElements, count: number): void {
  [dy, x].forEach((pointer, i) => a.add(pointer, count * elements.readBytes(i)));
  a.add(dx, count * elements.writtenBytes);
}

/** The next rows; moves the pointers behind them. */
function emitGroup(
  a: Assembler,
  elements: HalfElements,
  { rows: count, stride, columns, half, hasRows, hasSums }: Group,
): void {
  const rows: Row[] = Array.from({ length: count }, (_, i) => ({
    mean: zmm(16 + 4 * i),
    reciprocal: zmm(17 + 4 * i),
    level: zmm(18 + 4 * i),
    slope: zmm(19 + 4 * i),
    bytes: i * stride,
  }));
  rows.forEach(({ mean, reciprocal }, i) => {
    a.vbroadcastss(mean, mem(means, { disp: i * FLOAT }));
    a.vbroadcastss(reciprocal, mem(reciprocals, { disp: i * FLOAT }));
  });
  const each = (write: (lane: Lane) => void): void =>
    emitSpan(
      a,
      columns,
      { counter, unrolled: Math.min(8, rowUnrolling(columns)), mask: k1, isMaskSet: true },
      (lanes) => lanes.forEach(write),
    );
  if (hasRows) emitAverages(a, elements, rows, columns, each);
  each((lane) => {
    if (hasRows) lane.load(zmm(0), gain);
    if (hasSums) {
      lane.load(zmm(1), sums);
      lane.load(zmm(2), sums, half);
    }
    rows.forEach(({ mean, reciprocal, level, slope, bytes }, i) => {
      const [d, c, g] = [zmm(3 + 3 * i), zmm(4 + 3 * i), zmm(5 + 3 * i)];
      elements.load(lane, 0, d, dy, bytes);
      elements.load(lane, 1, c, x, bytes);
      a.vsubps(c, c, mean);
      if (hasRows) a.vmulps(g, d, zmm(0));
      if (hasSums) {
        a.vaddps(zmm(2), zmm(2), d);
        a.vmulps(d, d, reciprocal);
        a.vfmadd231ps(zmm(1), d, c);
      }
      if (hasRows) {
        a.vfmsub213ps(g, reciprocal, level);
        a.vfnmadd231ps(g, c, slope);
        elements.store(lane, dx, g, [d, c], bytes);
      }
    });
    if (hasSums) {
      lane.store(sums, zmm(1));
      lane.store(sums, zmm(2), half);
    }
  });
  forward(a, elements, (count * stride) / FLOAT);
  for (const pointer of [means, reciprocals]) a.add(pointer, count * FLOAT);
}

/** Level and slope of the rows. */
function emitAverages(
  a: Assembler,
  elements: HalfElements,
  rows: readonly Row[],
  width: number,
  each: (write: (lane: Lane) => void) => void,
): void {
  for (const { level, slope } of rows) for (const sum of [level, slope]) a.vpxord(sum, sum, sum);
  each((lane) => {
    lane.load(zmm(0), gain);
    rows.forEach(({ mean, level, slope, bytes }, i) => {
      const [g, c] = [zmm(1 + 2 * i), zmm(2 + 2 * i)];
      elements.load(lane, 0, g, dy, bytes);
      elements.load(lane, 1, c, x, bytes);
      a.vmulps(g, g, zmm(0));
      a.vsubps(c, c, mean);
      a.vaddps(level, level, g);
      a.vfmadd231ps(slope, g, c);
    });
  });
  for (const { reciprocal, level, slope } of rows) {
    for (const sum of [level, slope]) {
      emitAcross(a, 'vaddps', sum, zmm(0));
      a.vmulps(sum, sum, a.splat(1 / width));
      a.vmulps(sum, sum, reciprocal);
    }
    a.vmulps(slope, slope, reciprocal);
    a.vmulps(slope, slope, reciprocal);
  }
}
