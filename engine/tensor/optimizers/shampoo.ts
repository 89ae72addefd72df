// shampoo: the gradient of a matrix between the inverse fourth roots of the sums of its squares from the left and from
// the right (Gupta, Koren and Singer 2018), as long as AdaGrad's step (grafting, Anil et al. 2020), with L2 weight
// decay. Large matrices are cut into tiles that know nothing of each other; a vector is AdaGrad's.
import { inverseFourthRoot } from '../symmetric-root.js';
import { asMatrix, norm, type TensorRule } from '../tensor-rule.js';
import { defineOptimizer, type OptimizerSettings } from '../update-rule.js';

/** Rows and columns of a tile at most. */
const TILE = 256;
/** Steps between two looks at the roots, which take long. */
const INTERVAL = 50;
/** As AdaGrad's. */
const LEAST_ROOT = 1e-10;

export interface ShampooOptions {
  /** Steps between two computations of the roots. */
  readonly interval: number;
  /** Whether a step is as long as AdaGrad's. */
  readonly grafts: boolean;
}

/** A tile of a matrix, and where the squares and the roots of its sides lie in their states. */
interface Tile {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
  readonly left: number;
  readonly right: number;
}

export const shampoo = defineOptimizer({
  name: 'shampoo',
  reads: ['epsilon', 'weightDecay'],
  rule: (settings) => shampooRule(settings, { interval: INTERVAL, grafts: true }),
});

export const shampooRule = (
  { epsilon, weightDecay }: Pick<OptimizerSettings, 'epsilon' | 'weightDecay'>,
  { interval, grafts }: ShampooOptions,
): TensorRule => ({
  isWhole: true,
  stateSizes(shape) {
    const size = shape.reduce((product, one) => product * one, 1);
    const sides = tilesOf(shape).reduce((sum, { rows, columns }) => sum + rows * rows + columns * columns, 0);
    return [size, sides, sides];
  },
  update({ shape, weights, gradient, states: [squares, sides, roots] }, { learningRate, updateCount }, decays) {
    if (squares === undefined || sides === undefined || roots === undefined) return;
    const decay = decays ? weightDecay : 0;
    for (let i = 0; i < weights.length; i++) gradient[i] = (gradient[i] as number) + decay * (weights[i] as number);
    const diagonal = adagradStep(gradient, squares);
    const tiles = tilesOf(shape);
    const change = tiles.length === 0 ? diagonal : new Float64Array(weights.length);
    const { columns } = asMatrix(shape);
    for (const tile of tiles) {
      const g = cut(gradient, columns, tile);
      addSides(sides, g, tile);
      // Roots are never zero: where they are, the states are new.
      if ((updateCount - 1) % interval === 0 || roots[tile.left] === 0) takeRoots(sides, roots, tile, epsilon);
      place(between(roots, g, tile), change, columns, tile);
    }
    const length = norm(change);
    const rate = grafts && tiles.length > 0 && length > 0 ? (learningRate * norm(diagonal)) / length : learningRate;
    for (let i = 0; i < weights.length; i++) weights[i] = (weights[i] as number) - rate * (change[i] as number);
  },
});

const adagradStep = (gradient: Float32Array, squares: Float32Array): Float64Array =>
  Float64Array.from(gradient, (g, i) => {
    const sum = (squares[i] as number) + g * g;
    squares[i] = sum;
    return g / (Math.sqrt(sum) + LEAST_ROOT);
  });

/** None of a vector. */
function tilesOf(shape: readonly number[]): Tile[] {
  const { rows, columns } = asMatrix(shape);
  if (rows === 1 || columns === 1) return [];
  const tiles: Tile[] = [];
  let at = 0;
  for (let row = 0; row < rows; row += TILE)
    for (let column = 0; column < columns; column += TILE) {
      const [m, n] = [Math.min(TILE, rows - row), Math.min(TILE, columns - column)];
      tiles.push({ row, column, rows: m, columns: n, left: at, right: at + m * m });
      at += m * m + n * n;
    }
  return tiles;
}

const cut = (from: Float32Array, width: number, { row, column, rows, columns }: Tile): Float64Array =>
  Float64Array.from(
    { length: rows * columns },
    (_, i) => from[(row + Math.floor(i / columns)) * width + column + (i % columns)] as number,
  );

function place(tile: Float64Array, into: Float64Array, width: number, { row, column, rows, columns }: Tile): void {
  for (let i = 0; i < rows; i++) into.set(tile.subarray(i * columns, (i + 1) * columns), (row + i) * width + column);
}

/** left += G G', right += G' G. */
function addSides(sides: Float32Array, g: Float64Array, { rows, columns, left, right }: Tile): void {
  addProduct(sides.subarray(left, right), g, rows, columns);
  const turned = Float64Array.from(
    { length: rows * columns },
    (_, i) => g[(i % rows) * columns + Math.floor(i / rows)] as number,
  );
  addProduct(sides.subarray(right, right + columns * columns), turned, columns, rows);
}

/** sum += X X', of X with `n` rows of `width`. */
function addProduct(sum: Float32Array, x: Float64Array, n: number, width: number): void {
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let product = 0;
      for (let k = 0; k < width; k++) product += (x[i * width + k] as number) * (x[j * width + k] as number);
      sum[i * n + j] = sum[j * n + i] = (sum[i * n + j] as number) + product;
    }
}

function takeRoots(sides: Float32Array, roots: Float32Array, tile: Tile, epsilon: number): void {
  const { rows, columns, left, right } = tile;
  roots.set(inverseFourthRoot(sides.subarray(left, right), rows, epsilon), left);
  roots.set(inverseFourthRoot(sides.subarray(right, right + columns * columns), columns, epsilon), right);
}

/** left root * G * right root. */
function between(roots: Float32Array, g: Float64Array, { rows, columns, left, right }: Tile): Float64Array {
  const half = multiply(roots.subarray(left, right), g, rows, columns);
  return multiply(half, roots.subarray(right, right + columns * columns), columns, columns);
}

/** A [m, inner] times B [inner, n]; m follows from A. */
function multiply(
  a: Float32Array | Float64Array,
  b: Float32Array | Float64Array,
  inner: number,
  n: number,
): Float64Array {
  const m = a.length / inner;
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let k = 0; k < inner; k++) {
      const factor = a[i * inner + k] as number;
      for (let j = 0; j < n; j++) out[i * n + j] = (out[i * n + j] as number) + factor * (b[k * n + j] as number);
    }
  return out;
}
