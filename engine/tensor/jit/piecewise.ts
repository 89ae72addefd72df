// Piecewise: a function of x >= 0 as 16 polynomials, looked up and computed in registers: one permutation and one
// multiply-add per coefficient. For functions that are 0 (to the precision wanted) behind the 15th piece.
import type { Assembler } from '../x86/assembler.js';
import { type VectorRegister, zmm } from '../x86/registers.js';

const PIECES = 16;

export interface PiecewiseFunction {
  /** Pieces per unit: piece i lies around i / scale. Behind 14.5 / scale the function counts as 0. */
  readonly scale: number;
  readonly degree: number;
  /** In 64 bits, smooth also a little below 0. */
  readonly value: (x: number) => number;
}

/** Coefficients by power, then by piece, of polynomials in the distance from the middle of a piece, in pieces. */
export function piecewiseCoefficients({ scale, degree, value }: PiecewiseFunction): Float32Array[] {
  const coefficients = Array.from({ length: degree + 1 }, () => new Float32Array(PIECES));
  for (let piece = 0; piece < PIECES - 1; piece++)
    interpolation(degree, (u) => value((piece + u) / scale)).forEach((coefficient, power) => {
      (coefficients[power] as Float32Array)[piece] = coefficient;
    });
  return coefficients;
}

/**
 * The polynomial through the Chebyshev points of [-1/2, 1/2], by powers; nearly the best one. Newton's divided
 * differences, then multiplied out.
 */
function interpolation(degree: number, value: (u: number) => number): number[] {
  const points = Array.from({ length: degree + 1 }, (_, i) => Math.cos((Math.PI * (i + 0.5)) / (degree + 1)) / 2);
  const differences = points.map(value);
  for (let order = 1; order <= degree; order++)
    for (let i = degree; i >= order; i--)
      differences[i] =
        ((differences[i] as number) - (differences[i - 1] as number)) /
        ((points[i] as number) - (points[i - order] as number));
  let powers: number[] = [];
  for (let i = degree; i >= 0; i--) {
    const point = points[i] as number;
    // powers * (u - point) + difference
    powers = [0, ...powers].map((power, k) => power - point * (powers[k] ?? 0));
    powers[0] = (powers[0] ?? 0) + (differences[i] as number);
  }
  return powers;
}

/** What of the registers the tables and constants take: from `first` on. */
export class PiecewiseTables {
  readonly #a: Assembler;
  readonly #tables: readonly VectorRegister[];
  readonly #scale: VectorRegister;
  readonly #magic: VectorRegister;
  readonly #most: VectorRegister;

  /** Loads them. Takes `degree + 4` registers. */
  constructor(a: Assembler, shape: PiecewiseFunction, first: number) {
    const coefficients = piecewiseCoefficients(shape);
    this.#a = a;
    this.#tables = coefficients.map((_, power) => zmm(first + power));
    const [scale, magic, most] = [0, 1, 2].map((i) => zmm(first + coefficients.length + i)) as [
      VectorRegister,
      VectorRegister,
      VectorRegister,
    ];
    [this.#scale, this.#magic, this.#most] = [scale, magic, most];
    coefficients.forEach((table, power) => a.vmovups(this.#tables[power] as VectorRegister, a.table(table)));
    a.vbroadcastss(scale, a.float(shape.scale));
    // Added to a number below 2^22, it rounds it to an integer, which then stands in the lowest bits.
    a.vbroadcastss(magic, a.float(1.5 * 2 ** 23));
    a.vbroadcastss(most, a.float((PIECES - 1) / shape.scale));
  }

  /** x = min(x, end of the pieces); result = f(x). NaN stays NaN. The three others are changed. */
  emit(
    result: VectorRegister,
    x: VectorRegister,
    piece: VectorRegister,
    distance: VectorRegister,
    coefficient: VectorRegister,
  ): void {
    const a = this.#a;
    a.vminps(x, this.#most, x);
    a.vmovaps(piece, this.#magic);
    a.vfmadd231ps(piece, x, this.#scale);
    a.vsubps(distance, piece, this.#magic);
    a.vfmsub231ps(distance, x, this.#scale);
    const [highest, ...lower] = this.#tables.toReversed() as [VectorRegister, ...VectorRegister[]];
    // Only the lowest four bits of an index count.
    a.vpermps(result, piece, highest);
    for (const table of lower) {
      a.vpermps(coefficient, piece, table);
      a.vfmadd213ps(result, distance, coefficient);
    }
  }
}
