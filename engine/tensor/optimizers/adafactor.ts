// adafactor: mean squares of the gradients of a matrix by rows and columns alone (Shazeer and Stern 2018), so that its
// states are as good as none; the step is clipped to a root mean square of 1. A vector has a mean square for each
// element. With decoupled weight decay, without momentum, and with the learning rate of the run.
import { asMatrix, norm } from '../tensor-rule.js';
import { defineOptimizer } from '../update-rule.js';

/** What squares of zero are taken for. */
const LEAST_SQUARE = 1e-30;
/** How fast the memory of the mean squares grows with the steps. */
const MEMORY = 0.8;

export const adafactor = defineOptimizer({
  name: 'adafactor',
  reads: ['weightDecay'],
  rule: ({ weightDecay }) => ({
    isWhole: true,
    stateSizes(shape) {
      const { rows, columns } = asMatrix(shape);
      return rows > 1 && columns > 1 ? [rows, columns] : [rows * columns, 0];
    },
    update({ shape, weights, gradient, states: [first, second] }, { learningRate, updateCount }, decays) {
      if (first === undefined || second === undefined) return;
      const decay = 1 - updateCount ** -MEMORY;
      const change =
        second.length === 0
          ? byElement(gradient, first, decay)
          : byRowsAndColumns(gradient, asMatrix(shape), { rows: first, columns: second }, decay);
      const root = norm(change) / Math.sqrt(change.length);
      const rate = learningRate / Math.max(1, root);
      const keep = decays ? 1 - learningRate * weightDecay : 1;
      for (let i = 0; i < weights.length; i++)
        weights[i] = (weights[i] as number) * keep - rate * (change[i] as number);
    },
  }),
});

function byElement(gradient: Float32Array, squares: Float32Array, decay: number): Float64Array {
  return Float64Array.from(gradient, (g, i) => {
    const square = decay * (squares[i] as number) + (1 - decay) * (g * g + LEAST_SQUARE);
    squares[i] = square;
    return g / Math.sqrt(square);
  });
}

/** The gradient over the root of its mean square, which is taken for the product of that of its row and its column. */
function byRowsAndColumns(
  gradient: Float32Array,
  { rows, columns }: { readonly rows: number; readonly columns: number },
  states: { readonly rows: Float32Array; readonly columns: Float32Array },
  decay: number,
): Float64Array {
  const sums = { rows: new Float64Array(rows), columns: new Float64Array(columns) };
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const g = gradient[i * columns + j] as number;
      const square = g * g + LEAST_SQUARE;
      sums.rows[i] = (sums.rows[i] as number) + square;
      sums.columns[j] = (sums.columns[j] as number) + square;
    }
  const meanInto = (state: Float32Array, sum: Float64Array, count: number): Float64Array =>
    sum.map((all, i) => (state[i] = decay * (state[i] as number) + ((1 - decay) * all) / count));
  const byRow = meanInto(states.rows, sums.rows, columns);
  const byColumn = meanInto(states.columns, sums.columns, rows);
  const mean = byRow.reduce((sum, value) => sum + value, 0) / rows;
  const change = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const scale = 1 / Math.sqrt((byRow[i] as number) / mean);
    for (let j = 0; j < columns; j++)
      change[i * columns + j] = ((gradient[i * columns + j] as number) * scale) / Math.sqrt(byColumn[j] as number);
  }
  return change;
}
