// Runs a function of tensors in three ways: on TensorFlow.js' own cpu backend, eagerly on an executor, and traced as
// one program. The first computes in double precision and rounds at the end of each op; the other two must agree with
// each other to the bit.
import { normalAt, randomKey } from '../../engine/core/random.js';
import type { Executor } from '../../engine/tensor/executor.js';
import type { Port, Program } from '../../engine/tensor/program.js';
import { type HostArray, hostArray, type Shape, sizeOf } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import { traceGradients } from '../../engine/tensor/trace.js';

import '#tfjs-cpu';

export interface Input {
  readonly shape: Shape;
  readonly dtype: 'float32' | 'int32';
  readonly data: HostArray;
}

/** Normal numbers, the same for the same name; `map` moves them where a function is defined. */
export function floats(name: string, shape: Shape, map: (x: number) => number = (x) => x): Input {
  const key = randomKey(1, 'parity', name);
  return {
    shape,
    dtype: 'float32',
    data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => map(normalAt(key, i))),
  };
}

/** Integers in low..high-1, repeating soon, so that equal ones occur. */
export function ints(shape: Shape, low: number, high: number): Input {
  return {
    shape,
    dtype: 'int32',
    data: Int32Array.from({ length: sizeOf(shape) }, (_, i) => low + ((i * 7 + 3) % (high - low))),
  };
}

export interface Result {
  readonly value: HostArray;
  readonly gradients: readonly HostArray[];
}

type Body = (...tensors: readonly tf.Tensor[]) => tf.Tensor;

const toArray = (x: tf.Tensor): HostArray =>
  x.dtype === 'float32' ? Float32Array.from(x.dataSync()) : Int32Array.from(x.dataSync());
const seedOf = (shape: Shape): Input => floats('dy', shape);
const tensorOf = ({ data, shape, dtype }: Input): tf.Tensor => tf.tensor(data.slice(), [...shape], dtype);

/** The function and its gradients for a fixed dy, on the backend of that name. */
export function onBackend(backend: string, inputs: readonly Input[], wrt: readonly number[], body: Body): Result {
  void tf.setBackend(backend);
  const before = tf.memory().numTensors;
  const result = tf.tidy((): { kept: Result } & tf.TensorContainerObject => {
    const tensors = inputs.map(tensorOf);
    if (wrt.length === 0) return { kept: { value: toArray(body(...tensors)), gradients: [] } } as never;
    let shape: Shape = [];
    const xs = wrt.map((i) => tensors[i] as tf.Tensor);
    tf.tidy(() => void (shape = body(...tensors).shape));
    const { value, grads } = tf.engine().gradients(() => body(...tensors), xs, tensorOf(seedOf(shape)), true);
    return {
      kept: {
        value: toArray(value),
        gradients: grads.map((g, i) => (g == null ? new Float32Array(xs[i]?.size ?? 0) : toArray(g))),
      },
    } as never;
  }) as { kept: Result };
  if (tf.memory().numTensors !== before)
    throw new Error(`${tf.memory().numTensors - before} tensors leaked on ${backend}`);
  return result.kept;
}

/** Loads a program, runs it once on the given inputs, and returns its outputs. */
export function runProgram(executor: Executor, program: Program, inputs: readonly HostArray[]): HostArray[] {
  const loaded = executor.load(program);
  const outputs = program.outputs.map((port) => hostArray(port.dtype, port.shape));
  const bound = loaded.bind(inputs, outputs);
  bound.run();
  bound.free();
  loaded.free();
  return outputs;
}

/** The function and its gradients as one traced program. */
export function traced(executor: Executor, inputs: readonly Input[], wrt: readonly number[], body: Body): Result {
  const trace = traceGradients('test', inputs, (tensors) => body(...tensors), wrt);
  const port = (name: string, value: number): Port => {
    const { shape, dtype } = trace.graph.values[value] ?? { shape: [], dtype: 'float32' as const };
    if (dtype === 'bool') throw new Error(`${name} is boolean`);
    return { role: { kind: 'plain', name }, value, shape, dtype };
  };
  const dy = port('dy', trace.dy);
  const program: Program = {
    name: 'test',
    graph: trace.graph,
    inputs: [...trace.inputs.map((value, i) => port(`x${i}`, value)), dy],
    outputs: [port('y', trace.output), ...trace.gradients.map((value, i) => port(`dx${i}`, value))],
  };
  const [value, ...gradients] = runProgram(executor, program, [
    ...inputs.map(({ data }) => data),
    seedOf(dy.shape).data,
  ]);
  return { value: value as HostArray, gradients };
}

/**
 * Largest difference, as a share of the largest reference number (at least of 1). NaN equals NaN, infinities equal
 * themselves.
 */
export function worstError(actual: HostArray, expected: HostArray): number {
  if (actual.length !== expected.length) return Infinity;
  let scale = 1;
  for (const x of expected) if (Number.isFinite(x)) scale = Math.max(scale, Math.abs(x));
  let worst = 0;
  expected.forEach((x, i) => {
    const y = actual[i] as number;
    if (Object.is(x, y) || x === y) return;
    const error = Math.abs(x - y) / scale;
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
  });
  return worst;
}
