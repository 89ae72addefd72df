// Symmetric root: the inverse fourth root of a symmetric positive matrix, in 64 bits, by its eigenvalues. Jacobi's
// rotations need square roots and nothing else that machines could round otherwise.

/** Sweeps over all pairs; a dozen bring any matrix to rounding. */
const SWEEPS = 30;

/** (matrix + epsilon I)^(-1/4), of n rows and columns, one row behind the other. */
export function inverseFourthRoot(matrix: Float32Array, n: number, epsilon: number): Float64Array {
  const a = Float64Array.from(matrix);
  for (let i = 0; i < n; i++) a[i * n + i] = (a[i * n + i] as number) + epsilon;
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < SWEEPS && !isDiagonal(a, n); sweep++)
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
  // What is below epsilon is so by rounding.
  const scales = Float64Array.from(
    { length: n },
    (_, k) => 1 / Math.sqrt(Math.sqrt(Math.max(a[k * n + k] as number, epsilon))),
  );
  const root = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++)
        sum += (vectors[k * n + i] as number) * (scales[k] as number) * (vectors[k * n + j] as number);
      root[i * n + j] = root[j * n + i] = sum;
    }
  return root;
}

function isDiagonal(a: Float64Array, n: number): boolean {
  let [off, on] = [0, 0];
  for (let i = 0; i < n; i++) {
    on += (a[i * n + i] as number) ** 2;
    for (let j = 0; j < i; j++) off += (a[i * n + j] as number) ** 2;
  }
  return off <= 1e-30 * on;
}

/** Turns rows and columns p and q so that their element becomes zero; eigenvectors are the rows of `vectors`. */
function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q] as number;
  if (apq === 0) return;
  const theta = ((a[q * n + q] as number) - (a[p * n + p] as number)) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const turn = { n, p, q, c, s };
  turnRows(a, turn);
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p] as number, a[k * n + q] as number];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  turnRows(vectors, turn);
}

interface Turn {
  readonly n: number;
  /** The rows. */
  readonly p: number;
  readonly q: number;
  /** Cosine and sine of the angle. */
  readonly c: number;
  readonly s: number;
}

function turnRows(a: Float64Array, { n, p, q, c, s }: Turn): void {
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k] as number, a[q * n + k] as number];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
}
