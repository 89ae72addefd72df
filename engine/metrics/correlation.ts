// Correlation of Pearson between two lists of numbers, in double precision, in their order.

/** No number where one of the lists has one value alone, as SciPy has it. */
export function correlation(a: Float64Array, b: Float64Array): number {
  const [da, db] = [centred(a), centred(b)];
  return dot(da, db) / (Math.sqrt(dot(da, da)) * Math.sqrt(dot(db, db)));
}

function centred(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return values.map((x) => x - mean);
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);

/** Ranks from 1; equal numbers share the mean of theirs. */
export function ranks(values: Float64Array): Float64Array {
  const order = [...values.keys()].sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0) || a - b);
  const result = new Float64Array(values.length);
  for (let from = 0, to = 0; from < order.length; from = to) {
    const value = values[order[from] ?? 0];
    while (to < order.length && values[order[to] ?? 0] === value) to++;
    for (const place of order.slice(from, to)) result[place] = (from + to + 1) / 2;
  }
  return result;
}
