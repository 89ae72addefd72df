// Host update: an update rule in JavaScript, for executors that run no ONNX. It does the operations of the rule one
// after the other, each on a short run of elements; every result is rounded to 32 bits, so the bits are those of the
// rule's ONNX model.
import { invariant, present } from '../core/invariant.js';
import type { UpdateRule } from './update-rule.js';

/** Updates elements `from` to `to - 1` in place. `scalars` are those of the rule, in its order. */
export type HostUpdate = (
  weights: Float32Array,
  grads: Float32Array,
  states: readonly Float32Array[],
  from: number,
  to: number,
  scalars: Float32Array,
) => void;

/**
 * Elements that go through all operations before the next ones do: what is between the operations stays in the cache.
 */
const RUN = 4096;

/** An operation on `length` elements. A stride is 1, or 0 for a scalar. */
type Loop = (to: Float32Array, length: number, x: Float32Array, dx: number, y: Float32Array, dy: number) => void;

const LOOPS: Readonly<Record<string, Loop>> = {
  Add(to, length, x, dx, y, dy) {
    for (let i = 0; i < length; i++) to[i] = (x[i * dx] as number) + (y[i * dy] as number);
  },
  Sub(to, length, x, dx, y, dy) {
    for (let i = 0; i < length; i++) to[i] = (x[i * dx] as number) - (y[i * dy] as number);
  },
  Mul(to, length, x, dx, y, dy) {
    for (let i = 0; i < length; i++) to[i] = (x[i * dx] as number) * (y[i * dy] as number);
  },
  Div(to, length, x, dx, y, dy) {
    for (let i = 0; i < length; i++) to[i] = (x[i * dx] as number) / (y[i * dy] as number);
  },
  Sqrt(to, length, x, dx) {
    for (let i = 0; i < length; i++) to[i] = Math.sqrt(x[i * dx] as number);
  },
};

export function hostUpdate({ pass }: UpdateRule): HostUpdate {
  const { vectors, scalars: scalarNames, operations, outputs } = pass;
  const results = new Map<string, Float32Array>(operations.map(({ result }) => [result, new Float32Array(RUN)]));
  const steps = operations.map(({ operator, result, inputs }) => {
    const loop = LOOPS[operator];
    invariant(loop !== undefined, () => `no operation ${operator} for updates in JavaScript`);
    const [x = '', y = x] = inputs;
    const stride = (name: string): number => (scalarNames.includes(name) ? 0 : 1);
    return { loop, to: present(results.get(result), result), x, dx: stride(x), y, dy: stride(y) };
  });
  return (weights, grads, states, from, to, scalars) => {
    const all = [weights, grads, ...states];
    const values = new Map(results);
    scalarNames.forEach((name, i) => values.set(name, scalars.subarray(i, i + 1)));
    for (let begin = from; begin < to; begin += RUN) {
      const end = Math.min(begin + RUN, to);
      const views = all.map((vector) => vector.subarray(begin, end));
      vectors.forEach((name, i) => values.set(name, present(views[i], name)));
      const valueOf = (name: string): Float32Array => present(values.get(name), name);
      for (const { loop, to: result, x, dx, y, dy } of steps) loop(result, end - begin, valueOf(x), dx, valueOf(y), dy);
      // In place: what is written are the weights and the states.
      const written = views.filter((_, vector) => vector !== 1);
      outputs.forEach((name, i) => present(written[i], name).set(valueOf(name).subarray(0, end - begin)));
    }
  };
}
