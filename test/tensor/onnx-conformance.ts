// What executors that run raw ONNX models pass besides the conformance suite: dynamic sizes, and models that are wrong.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../engine/core/errors.js';
import { InvariantError } from '../../engine/core/invariant.js';
import { OnnxBuilder } from '../../engine/tensor/onnx.js';
import type { OnnxExecutor, OnnxModel } from '../../engine/tensor/onnx-executor.js';

/** c = a x b, with a dynamic number of rows. */
function matMulModel(): OnnxModel {
  const onnx = new OnnxBuilder();
  onnx.input('a', 'float32', ['rows', 3]);
  onnx.input('b', 'float32', [3, 2]);
  onnx.node('MatMul', ['a', 'b'], ['c']);
  onnx.output('c', 'float32', ['rows', 2]);
  return { name: 'multiply', bytes: onnx.encode('multiply'), inputNames: ['a', 'b'], outputNames: ['c'] };
}

/** result = operator(inputs) for vectors of dynamic length. */
function vectorModel(
  operator: string,
  inputNames: readonly string[],
  dtype: 'float32' | 'int32' = 'float32',
): OnnxModel {
  const onnx = new OnnxBuilder();
  for (const name of inputNames) onnx.input(name, dtype, ['n']);
  onnx.node(operator, inputNames, ['result']);
  onnx.output('result', dtype, ['n']);
  return { name: operator, bytes: onnx.encode(operator), inputNames, outputNames: ['result'] };
}

const vector = (data: Float32Array | Int32Array) => ({ data, dims: [data.length] });

export function onnxSuite(name: string, open: (threads: number) => OnnxExecutor, seesIndices = true): void {
  describe(`models on ${name}`, () => {
    let executor: OnnxExecutor;
    beforeAll(() => {
      executor = open(1);
    });
    afterAll(() => executor.close());

    it('writes results into the bound buffer, again on every run', () => {
      const session = executor.loadModel(matMulModel());
      const a = Float32Array.of(1, 2, 3, 4, 5, 6);
      const c = new Float32Array(4);
      const bound = session.bind(
        [
          { data: a, dims: [2, 3] },
          { data: Float32Array.of(1, 0, 2, 1, 0, 3), dims: [3, 2] },
        ],
        [{ data: c, dims: [2, 2] }],
      );
      bound.run();
      expect([...c]).toEqual([5, 11, 14, 23]);
      a.set([0, 0, 1], 0);
      bound.run();
      expect([...c]).toEqual([0, 3, 14, 23]);
      session.free();
    });

    it('keeps bindings of one program apart, each with its own dynamic size', () => {
      const session = executor.loadModel(vectorModel('Neg', ['x']));
      const outputs = [0, 1, 5, 3000].map((n) => {
        const y = new Float32Array(n);
        session.bind([vector(Float32Array.from({ length: n }, (_, i) => i))], [vector(y)]).run();
        return y;
      });
      for (const y of outputs) expect([...y]).toEqual(Array.from(y, (_, i) => -i));
      session.free();
    });

    it(
      'takes scalars and tensors smaller than a cache line, even after the garbage collector moved what it can ' +
        'move',
      () => {
        const onnx = new OnnxBuilder();
        onnx.input('x', 'float32', []);
        onnx.node('Add', ['x', 'x'], ['y']);
        onnx.output('y', 'float32', []);
        const session = executor.loadModel({
          name: 'twice',
          bytes: onnx.encode('twice'),
          inputNames: ['x'],
          outputNames: ['y'],
        });
        const cases = Array.from({ length: 200 }, (_, i) => {
          const y = new Float32Array(1);
          return { i, y, bound: session.bind([{ data: Float32Array.of(i), dims: [] }], [{ data: y, dims: [] }]) };
        });
        // Enough garbage for several collections of the young generation, which move every small object that is alive.
        let garbage: unknown[] = [];
        for (let i = 0; i < 400_000; i++) garbage = [garbage.length, i, {}];
        expect(garbage.length).toBe(3);
        for (const { bound } of cases) bound.run();
        for (const { i, y } of cases) expect(y[0]).toBe(2 * i);
        session.free();
      },
    );

    it('gives the same bits with one thread and with two', () => {
      const n = 96;
      const a = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
      const results = [1, 2].map((threads) => {
        const other = open(threads);
        const onnx = new OnnxBuilder();
        onnx.input('a', 'float32', [n, n]);
        onnx.node('MatMul', ['a', 'a'], ['b']);
        onnx.node('Softmax', ['b'], ['c'], { axis: -1 });
        onnx.output('c', 'float32', [n, n]);
        const session = other.loadModel({ name: 't', bytes: onnx.encode('t'), inputNames: ['a'], outputNames: ['c'] });
        const c = new Float32Array(n * n);
        session.bind([{ data: a, dims: [n, n] }], [{ data: c, dims: [n, n] }]).run();
        other.close();
        return c;
      });
      expect(results[1]).toEqual(results[0]);
    });

    it('says which program uses an operator that does not exist', () => {
      const failure = (): unknown => executor.loadModel(vectorModel('NoSuchOperator', ['x']));
      expect(failure).toThrow(ModelError);
      expect(failure).toThrow(new RegExp(`"NoSuchOperator" cannot be loaded by ${name}.*NoSuchOperator`));
    });

    it.runIf(seesIndices)('says which program fails while it runs, and works on after that', () => {
      const onnx = new OnnxBuilder();
      onnx.input('table', 'float32', [4]);
      onnx.input('index', 'int32', [2]);
      onnx.node('Gather', ['table', 'index'], ['y']);
      onnx.output('y', 'float32', [2]);
      const session = executor.loadModel({
        name: 'look up',
        bytes: onnx.encode('look up'),
        inputNames: ['table', 'index'],
        outputNames: ['y'],
      });
      const index = Int32Array.of(0, 4);
      const y = new Float32Array(2);
      const bound = session.bind([vector(Float32Array.of(5, 6, 7, 8)), vector(index)], [vector(y)]);
      expect(() => bound.run()).toThrow(/Program "look up" fails/);
      index[1] = 3;
      bound.run();
      expect([...y]).toEqual([5, 8]);
      session.free();
    });

    it('refuses a result of another shape than the bound one', () => {
      const session = executor.loadModel(vectorModel('Neg', ['x']));
      const bound = session.bind([vector(new Float32Array(4))], [vector(new Float32Array(5))]);
      expect(() => bound.run()).toThrow(ModelError);
      session.free();
    });

    it('opens again after close, and close frees what is left', () => {
      for (let i = 0; i < 3; i++) {
        const other = open(1);
        const left = other
          .loadModel(vectorModel('Neg', ['x']))
          .bind([vector(new Float32Array(2))], [vector(new Float32Array(2))]);
        other.close();
        other.close();
        expect(() => left.run()).toThrow(InvariantError);
        expect(() => other.loadModel(vectorModel('Neg', ['x']))).toThrow(InvariantError);
      }
    });
  });
}
