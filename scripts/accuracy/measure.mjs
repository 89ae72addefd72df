// Measures an elementwise op on an executor against its 64-bit reference.

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('#dist/engine/tensor/executor.js').Executor} Executor */
/** @typedef {import('#dist/engine/tensor/program.js').Port} Port */
/** @typedef {import('#dist/engine/tensor/program.js').Program} Program */

/**
 * The modules that are measured: those of the sources, or of dist/.
 * @typedef {object} Engine
 * @property {typeof import('#dist/engine/tensor/tf.js')} tf
 * @property {typeof import('#dist/engine/tensor/nn.js')} nn
 * @property {typeof import('#dist/engine/tensor/trace.js').trace} trace
 * @property {typeof import('#dist/engine/tensor/trace.js').traceGradients} traceGradients
 */

const SMALLEST_NORMAL = 2 ** -126;

/** The distance between neighbouring 32-bit floats at a number. @param {number} x */
function unitAt(x) {
  const size = Math.max(Math.abs(x), SMALLEST_NORMAL);
  let exponent = Math.floor(Math.log2(size));
  // The logarithm of a number just below a power of two is rounded up to it.
  if (2 ** exponent > size) exponent--;
  return 2 ** (exponent - 23);
}

/**
 * How far off a result is, in units in the last place; infinite where it is of another kind. What is below the normal
 * numbers counts as zero, on either side.
 * @param {number} got
 * @param {number} wanted
 */
export function unitsOff(got, wanted) {
  const rounded = Math.fround(wanted);
  if (Number.isNaN(rounded)) return Number.isNaN(got) ? 0 : Infinity;
  if (Math.abs(rounded) === Infinity) return got === rounded || Math.sign(rounded) * got > 3.4e38 ? 0 : Infinity;
  if (Math.abs(wanted) < SMALLEST_NORMAL) return Math.abs(got) <= 2 * SMALLEST_NORMAL ? 0 : Infinity;
  // An intermediate result may have been below the normal numbers where the last one is just above them.
  if (got === 0 && Math.abs(wanted) < 4 * SMALLEST_NORMAL) return 0;
  const off = Math.abs(got - wanted) / unitAt(wanted);
  return Number.isNaN(off) ? Infinity : off;
}

/**
 * The op, or its slope, as a program over vectors.
 * @param {Engine} engine
 * @param {Case} test
 * @param {number} count
 * @param {number} inputs
 * @param {boolean} isSlope
 * @returns {Program}
 */
function programOf({ tf, nn, trace, traceGradients }, { name, op }, count, inputs, isSlope) {
  const specs = Array.from({ length: inputs }, () => ({ shape: [count], dtype: /** @type {const} */ ('float32') }));
  const call = op(tf, nn);
  /** @type {(name: string, value: number) => Port} */
  const port = (name, value) => ({ role: { kind: 'plain', name }, value, shape: [count], dtype: 'float32' });
  if (isSlope) {
    const traced = traceGradients(name, specs, (x) => call(...x), [0]);
    const ports = traced.inputs.map((value, i) => port(`x${i}`, value));
    const outputs = traced.gradients.map((value) => port('slope', value));
    return { name, graph: traced.graph, inputs: [...ports, port('dy', traced.dy)], outputs };
  }
  const { graph, inputs: values, outputs } = trace(name, specs, (x) => [tf.cast(call(...x), 'float32')]);
  return {
    name,
    graph,
    inputs: values.map((value, i) => port(`x${i}`, value)),
    outputs: outputs.map((value) => port('y', value)),
  };
}

/**
 * @param {Engine} engine
 * @param {Executor} executor
 * @param {Case} test
 * @param {readonly Float32Array[]} xs
 * @param {boolean} isSlope
 */
function results(engine, executor, test, xs, isSlope) {
  const count = xs[0]?.length ?? 0;
  const loaded = executor.load(programOf(engine, test, count, xs.length, isSlope));
  const y = new Float32Array(count);
  const bound = loaded.bind(isSlope ? [...xs, new Float32Array(count).fill(1)] : xs, [y]);
  bound.run();
  bound.free();
  loaded.free();
  return y;
}

/**
 * The largest error of an op, or of its slope, over vectors of numbers, and where it is.
 * @param {Engine} engine
 * @param {Executor} executor
 * @param {Case} test
 * @param {readonly Float32Array[]} xs
 * @param {boolean} [isSlope]
 */
export function worst(engine, executor, test, xs, isSlope = false) {
  const y = results(engine, executor, test, xs, isSlope);
  const wanted = isSlope ? test.slope : test.value;
  let [units, at] = [0, 0];
  y.forEach((got, i) => {
    if (test.within?.(...xs.map((x) => /** @type {number} */ (x[i]))) === false) return;
    const off = unitsOff(got, wanted?.(...xs.map((x) => /** @type {number} */ (x[i]))) ?? NaN);
    if (off > units) [units, at] = [off, i];
  });
  return { units, at: xs.map((x) => /** @type {number} */ (x[at])), got: /** @type {number} */ (y[at]) };
}

/**
 * Whether every element has the same bits as in vectors of other lengths.
 * @param {Engine} engine
 * @param {Executor} executor
 * @param {Case} test
 * @param {readonly Float32Array[]} xs
 */
export function isEverywhereSame(engine, executor, test, xs) {
  const count = xs[0]?.length ?? 0;
  const whole = results(engine, executor, test, xs, false);
  return [3, 7, 13].every((length) => {
    const from = count - length * 5;
    const part = results(
      engine,
      executor,
      test,
      xs.map((x) => x.slice(from, from + length)),
      false,
    );
    return part.every((y, i) => Object.is(y, whole[from + i]));
  });
}
