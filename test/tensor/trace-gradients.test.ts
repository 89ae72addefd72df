import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../engine/core/errors.js';
import { inputsOf, savedValues, subgraph } from '../../engine/tensor/cut.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { lowerProgram } from '../../engine/tensor/lower.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import type { Program } from '../../engine/tensor/program.js';
import * as tf from '../../engine/tensor/tf.js';
import { trace, traceGradients } from '../../engine/tensor/trace.js';
import { runProgram } from './parity.js';

import '#tfjs-cpu';

type T = tf.Tensor;
const matrix = { shape: [2, 3], dtype: 'float32' } as const;
const plain = (name: string) => ({ kind: 'plain', name }) as const;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('a trace', () => {
  it('leaves no tensor behind and the backend as it was', () => {
    const before = tf.memory().numTensors;
    traceGradients('here', [matrix], ([x]) => tf.sum(tf.tidy(() => tf.mul(tf.softmax(x as T), tf.scalar(2)))), [0]);
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.getBackend()).toBe('cpu');
  });

  it('leaves no tensor behind when the function throws, forward or backward', () => {
    const before = tf.memory().numTensors;
    const failing = (x: T): T => {
      tf.exp(tf.mul(x, x));
      throw new Error('mine');
    };
    expect(() => traceGradients('here', [matrix], ([x]) => failing(x as T), [0])).toThrow('mine');
    expect(() => traceGradients('here', [matrix], ([x]) => secondSlope(tf.exp(x as T)), [0])).toThrow(ModelError);
    expect(tf.memory().numTensors).toBe(before);
    expect(tf.getBackend()).toBe('cpu');
    expect(tf.add(1, 2).dataSync()[0]).toBe(3);
  });

  it('names op, place and alternatives for an op without a definition', () => {
    const error = caught(() => trace('Model m, block b', [matrix], ([x]) => [tf.unique(x as T).values]));
    expect(error).toMatchObject({ code: 'PT_OP_UNDEFINED' });
    expect(error.message).toBe('Model m, block b uses the op Unique, which pipetrain does not define');
    expect(error.hint).toContain('Softmax');
  });

  it('names an op that cannot be differentiated, and the remedy', () => {
    const error = caught(() => traceGradients('Model m, block b', [matrix], ([x]) => secondSlope(x as T), [0]));
    expect(error).toMatchObject({ code: 'PT_GRADIENT_UNDEFINED' });
    expect(error.message).toBe(
      'Model m, block b uses the op EluGrad on the way from a parameter to the loss, and there is no gradient for it',
    );
    expect(error.hint).toContain('other ops');
  });

  it('refuses to hand out numbers', () => {
    expect(caught(() => trace('b', [matrix], ([x]) => [tf.scalar((x as T).dataSync()[0] as number)]))).toMatchObject({
      code: 'PT_DATA_IN_TRACE',
    });
    expect(
      caught(() => trace('b', [matrix], ([x]) => [tf.scalar((x as T).arraySync() as unknown as number)])),
    ).toMatchObject({ code: 'PT_DATA_IN_TRACE' });
  });

  it('keeps small constants and turns large equal ones into fills', () => {
    const { graph } = trace('b', [{ shape: [1000, 100], dtype: 'float32' }], ([x]) => [
      tf.mul(tf.add(x as T, tf.ones([1000, 100])), tf.tensor1d([...Array(100).keys()])),
    ]);
    expect(graph.literals.map(({ data }) => data.length)).toEqual([100]);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Fill', 'Add', 'Multiply']);
  });

  it('takes in tensors that were made before it', () => {
    const table = tf.tensor1d([1, 2, 3]);
    const { graph } = trace('b', [matrix], ([x]) => [tf.add(x as T, table)]);
    expect(graph.literals.map(({ data }) => [...data])).toEqual([[1, 2, 3]]);
    table.dispose();
  });

  it('gives zeros for inputs that the output does not depend on', () => {
    const { graph, gradients } = traceGradients('b', [matrix, matrix], ([x]) => tf.square(x as T), [0, 1]);
    const zero = graph.nodes.find(({ outputs }) => outputs.includes(gradients[1] as number));
    expect(zero).toMatchObject({ op: 'Fill', attrs: { shape: [2, 3], value: 0 } });
  });

  it('is synchronous and cannot be nested', () => {
    expect(() =>
      trace('outer', [matrix], ([x]) => [
        x as T,
        ...trace('inner', [matrix], ([y]) => [y as T]).outputs.map(() => x as T),
      ]),
    ).toThrow('inside of another trace');
    expect(tf.getBackend()).toBe('cpu');
  });
});

describe('cutting', () => {
  const { graph, output, dy, gradients, numForwardNodes, inputs } = traceGradients(
    'b',
    [
      { shape: [2, 4], dtype: 'float32' },
      { shape: [4, 4], dtype: 'float32' },
    ],
    ([x, w]) => tf.tanh(tf.reshape(nn.linear(tf.reshape(tf.exp(x as T), [1, 2, 4]), w as T), [8])),
    [0, 1],
  );

  it('saves what the backward reads, not its reshapes, and no inputs', () => {
    const saved = savedValues(graph, numForwardNodes, gradients).map(
      (id) => graph.nodes.find((node) => node.outputs.includes(id))?.op,
    );
    expect(saved).toEqual(['Exp', 'Tanh']);
  });

  it('needs the saved values and the inputs, and nothing else', () => {
    const saved = savedValues(graph, numForwardNodes, gradients);
    const part = subgraph(graph, gradients, saved);
    expect(new Set(inputsOf(part, gradients))).toEqual(new Set([...saved, dy, inputs[1]]));
  });

  it('keeps to the nodes that an output needs', () => {
    expect(subgraph(graph, [output], []).nodes).toHaveLength(numForwardNodes);
    expect(
      subgraph(graph, [gradients[1] as number], savedValues(graph, numForwardNodes, gradients)).nodes.length,
    ).toBeLessThan(graph.nodes.length - numForwardNodes);
  });

  it('recomputes cheap ops when their operands are saved or inputs anyway', () => {
    const t = traceGradients(
      'b',
      [{ shape: [3, 4], dtype: 'float32' }],
      ([x]) => tf.matMul(tf.transpose(x as T), tf.relu(x as T)),
      [0],
    );
    const saved = savedValues(t.graph, t.numForwardNodes, t.gradients).map(
      (id) => t.graph.nodes.find((node) => node.outputs.includes(id))?.op,
    );
    expect(saved).toEqual(['Relu']);
  });
});

describe('lowering', () => {
  let executor: Executor;
  beforeAll(() => void (executor = openExecutor({ threads: 1 })));
  afterAll(() => executor.close());

  it('accepts unused inputs, and outputs that are inputs, literals or equal to each other', () => {
    const { graph, inputs, outputs } = trace('b', [matrix, matrix], ([x]) => [x as T, tf.scalar(5), tf.neg(x as T)]);
    const [x, y] = inputs as [number, number];
    const [same, five, negative] = outputs as [number, number, number];
    const port = (name: string, value: number, shape: readonly number[] = [2, 3]) => ({
      role: plain(name),
      value,
      shape,
      dtype: 'float32' as const,
    });
    const program: Program = {
      name: 'odd',
      graph,
      inputs: [port('x', x), port('y', y)],
      outputs: [port('x', same), port('five', five, []), port('negative', negative), port('again', negative)],
    };
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const [a, b, c, d] = runProgram(executor, program, [data, new Float32Array(6)]);
    expect(a).toEqual(data);
    expect(b).toEqual(Float32Array.of(5));
    expect(c).toEqual(data.map((v) => -v));
    expect(d).toEqual(c);
  });

  it('leaves out nodes that no output needs', () => {
    const { graph, inputs, outputs } = trace('b', [matrix], ([x]) => [tf.exp(x as T), tf.neg(x as T)]);
    const port = (name: string, value: number) => ({
      role: plain(name),
      value,
      shape: [2, 3],
      dtype: 'float32' as const,
    });
    const lowered = (which: readonly number[]) =>
      Buffer.from(
        lowerProgram({
          name: 'p',
          graph,
          inputs: [port('x', inputs[0] as number)],
          outputs: which.map((value) => port(`y${value}`, value)),
        }).bytes,
      ).toString('latin1');
    expect(lowered(outputs)).toContain('Exp');
    expect(lowered(outputs.slice(1))).not.toContain('Exp');
  });
});

/** The slope of an ELU once more: an op whose own gradient nobody has written. */
const secondSlope = (x: T): T => tf.engine().runKernel<T>('EluGrad', { dy: x, y: x });

function caught(run: () => unknown): ModelError {
  try {
    run();
  } catch (error) {
    return error as ModelError;
  }
  throw new Error('nothing was thrown');
}
