// VectorAdder: sums of two vectors, element by element, each rounded once to 32 bits, as IEEE addition is, and sums of
// squares: the same bits from every adder. Which vectors are added in which order is decided elsewhere.
import { invariant } from '../core/invariant.js';
import { AddressRecords, numericAddressOf } from './jit/address-records.js';
import type { Lanes } from './jit/cpu-features.js';
import { elementwise, recordBytes } from './jit/elementwise.js';
import { NativeRoutine } from './jit/native-routine.js';
import { SUMS, sumsOfSquares } from './jit/sum-of-squares.js';
import { addressOf } from './native.js';

/** Sums of rows of one width, done one after the other. */
export interface RowSums {
  readonly target: Float32Array;
  readonly a: Float32Array;
  readonly b: Float32Array;
  /** Elements of a row. */
  readonly width: number;
  /** Three numbers for each sum: its row of `target`, those of `a` and `b`; NO_ROW of `a` or `b` is a row of +0. */
  readonly sums: Int32Array;
}

/** Stands for a row of zeros. */
export const NO_ROW = -1;

export interface VectorAdder {
  /** target[i] = a[i] + b[i]. All have one length; `target` may be `a` or `b`. */
  add(target: Float32Array, a: Float32Array, b: Float32Array): void;
  /** As `add`, row by row; a row may be read that an earlier sum has written. */
  addRows(rows: RowSums): void;
  /**
   * In float64: element i goes to sum i modulo 8, in order; then sums are added that lie 4, 2 and 1 apart. Eight sums,
   * because one is a chain of additions that wait for each other.
   */
  sumOfSquares(data: Float32Array): number;
  free(): void;
}

function requireEqualLengths(target: Float32Array, a: Float32Array, b: Float32Array): void {
  invariant(
    a.length === target.length && b.length === target.length,
    () => `${a.length} and ${b.length} elements are added into ${target.length}`,
  );
}

const SUM_WORDS = 3;

/** Machine code believes what it is told: every row must lie in its array. */
function requireRows({ target, a, b, width, sums }: RowSums): void {
  const rows = [target, a, b].map(({ length }) => Math.floor(length / width));
  let isInside = sums.length % SUM_WORDS === 0;
  for (let i = 0; i < sums.length; i++) {
    const row = sums[i] as number;
    const part = i % SUM_WORDS;
    isInside &&= row < (rows[part] as number) && row >= (part === 0 ? 0 : NO_ROW);
  }
  invariant(isInside, () => `sums of rows outside of arrays of ${rows.join(', ')} rows`);
}

/** The sum of eight sums, after the squares of the elements from `from` on, fewer than eight, are added. */
function sumOf(sums: ArrayLike<number>, data: Float32Array, from: number): number {
  const at = (i: number): number => (sums[i] ?? 0) + (data[from + i] ?? 0) * (data[from + i] ?? 0);
  return at(0) + at(4) + (at(2) + at(6)) + (at(1) + at(5) + (at(3) + at(7)));
}

/** In JavaScript; anywhere. */
export class HostAdder implements VectorAdder {
  add(target: Float32Array, a: Float32Array, b: Float32Array): void {
    requireEqualLengths(target, a, b);
    const { length } = target;
    let i = 0;
    // Unrolled: every element is summed on its own, so the order of a sum does not change. Measured 1.3 against 2.0 ns
    // per element.
    for (; i + 3 < length; i += 4) {
      target[i] = Math.fround((a[i] as number) + (b[i] as number));
      target[i + 1] = Math.fround((a[i + 1] as number) + (b[i + 1] as number));
      target[i + 2] = Math.fround((a[i + 2] as number) + (b[i + 2] as number));
      target[i + 3] = Math.fround((a[i + 3] as number) + (b[i + 3] as number));
    }
    for (; i < length; i++) target[i] = Math.fround((a[i] as number) + (b[i] as number));
  }

  addRows({ target, a, b, width, sums }: RowSums): void {
    requireRows({ target, a, b, width, sums });
    const zeros = new Float32Array(width);
    const rowOf = (data: Float32Array, row: number): Float32Array =>
      row === NO_ROW ? zeros : data.subarray(row * width, (row + 1) * width);
    for (let i = 0; i < sums.length; i += SUM_WORDS)
      this.add(rowOf(target, sums[i] as number), rowOf(a, sums[i + 1] as number), rowOf(b, sums[i + 2] as number));
  }

  sumOfSquares(data: Float32Array): number {
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    let s4 = 0;
    let s5 = 0;
    let s6 = 0;
    let s7 = 0;
    const whole = data.length - (data.length % SUMS);
    for (let i = 0; i < whole; i += SUMS) {
      const x0 = data[i] as number;
      const x1 = data[i + 1] as number;
      const x2 = data[i + 2] as number;
      const x3 = data[i + 3] as number;
      const x4 = data[i + 4] as number;
      const x5 = data[i + 5] as number;
      const x6 = data[i + 6] as number;
      const x7 = data[i + 7] as number;
      s0 += x0 * x0;
      s1 += x1 * x1;
      s2 += x2 * x2;
      s3 += x3 * x3;
      s4 += x4 * x4;
      s5 += x5 * x5;
      s6 += x6 * x6;
      s7 += x7 * x7;
    }
    return sumOf([s0, s1, s2, s3, s4, s5, s6, s7], data, whole);
  }

  free(): void {
    // Nothing is held.
  }
}

const SUM = {
  vectors: ['a', 'b'],
  scalars: [],
  operations: [{ operator: 'Add', result: 'sum', inputs: ['a', 'b'] }],
  outputs: ['sum'],
} as const;

/** Sums of rows per call of machine code. */
const ROWS_AT_A_TIME = 512;

/** In machine code. */
export class NativeAdder implements VectorAdder {
  readonly #sum: NativeRoutine;
  readonly #squares: NativeRoutine;
  readonly #sums = new Float64Array(SUMS);
  /** Groups of eight elements; where the sums go. */
  readonly #order: BigUint64Array;
  readonly #record = new BigUint64Array(recordBytes(SUM) / BigUint64Array.BYTES_PER_ELEMENT);
  /** The code wants an address of scalars, and reads none. */
  readonly #address = addressOf(this.#record);
  readonly #rows = new AddressRecords(recordBytes(SUM), ROWS_AT_A_TIME);
  #zeros = new Float32Array(0);

  /** `lanes` as `vectorLanes` has them. Throws where the system forbids executable memory. */
  constructor(lanes: Lanes) {
    this.#sum = new NativeRoutine(elementwise(SUM, lanes));
    this.#squares = new NativeRoutine(sumsOfSquares(lanes));
    this.#order = BigUint64Array.of(0n, addressOf(this.#sums));
  }

  add(target: Float32Array, a: Float32Array, b: Float32Array): void {
    requireEqualLengths(target, a, b);
    if (target.length === 0) return;
    this.#record.set([addressOf(a), addressOf(b), addressOf(target), this.#address, BigInt(target.length)]);
    this.#sum.call(this.#address, 1n);
  }

  addRows({ target, a, b, width, sums }: RowSums): void {
    requireRows({ target, a, b, width, sums });
    if (this.#zeros.length < width) this.#zeros = new Float32Array(width);
    const [to, left, right, zeros] = [target, a, b, this.#zeros].map(numericAddressOf) as [
      number,
      number,
      number,
      number,
    ];
    const bytes = width * Float32Array.BYTES_PER_ELEMENT;
    const records = this.#rows;
    const rowOf = (base: number, row: number): number => (row === NO_ROW ? zeros : base + row * bytes);
    for (let i = 0; i < sums.length; i += SUM_WORDS) {
      records.push(rowOf(left, sums[i + 1] as number));
      records.push(rowOf(right, sums[i + 2] as number));
      records.push(rowOf(to, sums[i] as number));
      records.push(records.address);
      records.push(width);
      if (records.isFull) records.flush(this.#sum);
    }
    records.flush(this.#sum);
  }

  sumOfSquares(data: Float32Array): number {
    const groups = Math.floor(data.length / SUMS);
    this.#order[0] = BigInt(groups);
    this.#squares.call(addressOf(data), addressOf(this.#order));
    return sumOf(this.#sums, data, groups * SUMS);
  }

  free(): void {
    this.#squares.free();
    this.#sum.free();
  }
}
