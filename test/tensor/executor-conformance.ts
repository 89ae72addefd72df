// The conformance suite that every executor passes. Each executor has a test file of its own that calls it: two kinds
// never share a process.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelError } from '../../engine/core/errors.js';
import { InvariantError } from '../../engine/core/invariant.js';
import type { Executor } from '../../engine/tensor/executor.js';
import type { Attrs, Node, ValueId } from '../../engine/tensor/graph.js';
import type { Port, Program } from '../../engine/tensor/program.js';
import { GraphRecorder } from '../../engine/tensor/recorder.js';
import type { HostArray, PortDType, Shape } from '../../engine/tensor/shape.js';

type DType = PortDType;
type Call = (op: string, inputs: readonly ValueId[], attrs?: Attrs) => ValueId;

/** A program of a few calls; its inputs are named x0, x1, ..., its outputs y0, y1, ... */
function programOf(
  name: string,
  inputs: readonly { readonly shape: Shape; readonly dtype?: DType }[],
  write: (x: readonly ValueId[], call: Call, recorder: GraphRecorder) => readonly ValueId[],
): Program {
  const recorder = new GraphRecorder();
  const values = inputs.map(({ shape, dtype = 'float32' }) => recorder.declare({ shape, dtype }));
  const outputs = write(values, (op, x, attrs = {}) => recorder.call(op, x, attrs)[0] as ValueId, recorder);
  const port = (text: string, value: ValueId): Port => {
    const { shape, dtype } = recorder.value(value);
    return { role: { kind: 'plain', name: text }, value, shape, dtype: dtype as DType };
  };
  return {
    name,
    graph: recorder.graph(),
    inputs: values.map((value, i) => port(`x${i}`, value)),
    outputs: outputs.map((value, i) => port(`y${i}`, value)),
  };
}

const elementwise = (op: string, shape: Shape, dtype: DType = 'float32', numInputs = 2): Program =>
  programOf(
    op,
    Array.from({ length: numInputs }, () => ({ shape, dtype })),
    (x, call) => [call(op, x)],
  );

const product = programOf('multiply', [{ shape: [2, 3] }, { shape: [3, 2] }], (x, call) => [
  call('BatchMatMul', x, { transposeA: false, transposeB: false }),
]);
const addition = elementwise('Add', [2, 2]);

/** Runs a program once. */
function once(executor: Executor, program: Program, inputs: readonly HostArray[], outputs: readonly HostArray[]): void {
  const loaded = executor.load(program);
  const bound = loaded.bind(inputs, outputs);
  bound.run();
  bound.free();
  loaded.free();
}

/**
 * `liveTensors` counts what the executor holds on its device, where that can be counted; `seesIndices` is false where a
 * device reads whatever an index says.
 */
export function executorSuite(
  name: string,
  open: (threads: number) => Executor | Promise<Executor>,
  liveTensors: () => number = () => 0,
  seesIndices = true,
): void {
  describe(`executor ${name}`, () => {
    let executor: Executor;
    beforeAll(async () => {
      executor = await open(1);
    });
    afterAll(() => executor.close());

    it('has its name', () => {
      expect(executor.name).toBe(name);
    });

    it('writes results into the bound buffer, again on every run', () => {
      const loaded = executor.load(product);
      const a = Float32Array.of(1, 2, 3, 4, 5, 6);
      const c = new Float32Array(4);
      const bound = loaded.bind([a, Float32Array.of(1, 0, 2, 1, 0, 3)], [c]);
      bound.run();
      expect([...c]).toEqual([5, 11, 14, 23]);
      a.set([0, 0, 1], 0);
      bound.run();
      expect([...c]).toEqual([0, 3, 14, 23]);
      loaded.free();
    });

    it('keeps bindings of one program apart', () => {
      const loaded = executor.load(elementwise('Neg', [3], 'float32', 1));
      const cases = [1, 10, 100].map((k) => {
        const y = new Float32Array(3);
        return { k, y, bound: loaded.bind([Float32Array.of(k, 2 * k, 3 * k)], [y]) };
      });
      for (const { bound } of cases) bound.run();
      for (const { k, y } of cases) expect([...y]).toEqual([-k, -2 * k, -3 * k]);
      loaded.free();
    });

    it('reads and writes shared memory and views into the middle of a buffer', () => {
      const loaded = executor.load(elementwise('Add', [4]));
      const shared = new Float32Array(new SharedArrayBuffer(64 * 4));
      shared.fill(7);
      const x = shared.subarray(8, 12);
      const sum = shared.subarray(16, 20);
      const bound = loaded.bind([x, Float32Array.of(10, 20, 30, 40)], [sum]);
      x.set([1, 2, 3, 4]);
      bound.run();
      expect([...shared.subarray(14, 22)]).toEqual([7, 7, 11, 22, 33, 44, 7, 7]);
      x.set([0, 0, 0, 0]);
      bound.run();
      expect([...sum]).toEqual([10, 20, 30, 40]);
      loaded.free();
    });

    it('rounds to the nearest bfloat16, ties to even, and widens without loss', () => {
      const e = 2 ** -8;
      const pairs = [
        [1 + e, 1],
        [1 + 3 * e, 1 + 4 * e],
        [1 + e + 2 ** -20, 1 + 2 * e],
        [1 + e - 2 ** -20, 1],
        [-1 - e, -1],
        [2 - e, 2],
        [-0, -0],
        [0, 0],
        [2 ** -120 * (1 + 3 * e), 2 ** -120 * (1 + 4 * e)],
        [2 ** 120 * (1 + 5 * e), 2 ** 120 * (1 + 4 * e)],
        [2 ** 127 * (2 - e - 2 ** -20), 2 ** 127 * (2 - 2 * e)],
        [-(2 ** 127) * (2 - e), -Infinity],
        [Infinity, Infinity],
        [-Infinity, -Infinity],
        [NaN, NaN],
        ...Array.from({ length: 200 }, (_, i) => {
          const x = Math.fround(Math.tan(i) * 10 ** ((i % 60) - 30));
          const ulp = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7);
          // No random number lies between two neighbours exactly.
          return [x, i === 0 ? 0 : Math.round(x / ulp) * ulp] as const;
        }),
      ] as const;
      const n = pairs.length;
      const there = programOf('round', [{ shape: [n] }], (x, call) => {
        const rounded = call('PtRound', x);
        return [rounded, call('PtWiden', [rounded])];
      });
      const [halves, wide, again] = [new Uint16Array(n), new Float32Array(n), new Float32Array(n)];
      once(executor, there, [Float32Array.from(pairs, ([x]) => x)], [halves, wide]);
      expect([...wide]).toEqual(pairs.map(([, y]) => y));
      const back = programOf('widen', [{ shape: [n], dtype: 'bfloat16' }], (x, call) => [call('PtWiden', x)]);
      once(executor, back, [halves], [again]);
      expect([...again]).toEqual([...wide]);
      const words = new Uint32Array(wide.buffer);
      halves.forEach((half, i) => {
        if (!Number.isNaN(wide[i])) expect([i, half]).toEqual([i, (words[i] as number) >>> 16]);
      });
    });

    it('takes scalars and tensors without elements', () => {
      const y = new Float32Array(1);
      once(executor, elementwise('Add', []), [Float32Array.of(2), Float32Array.of(3)], [y]);
      expect([...y]).toEqual([5]);
      once(executor, elementwise('Neg', [2, 0], 'float32', 1), [new Float32Array(0)], [new Float32Array(0)]);
    });

    it('computes in place where a program reads before it writes', () => {
      const loaded = executor.load(elementwise('Multiply', [3]));
      const x = Float32Array.of(1, 2, 3);
      const bound = loaded.bind([x, Float32Array.of(2, 2, 2)], [x]);
      bound.run();
      bound.run();
      expect([...x]).toEqual([4, 8, 12]);
      loaded.free();
    });

    it('leaves the memory of an input that is not bound as an output alone', () => {
      const program = programOf('reuse', [{ shape: [4] }], (x, call) => [
        call('Relu', x),
        call('Neg', [call('Abs', x)]),
      ]);
      const x = Float32Array.of(-1, 2, -3, 4);
      const outputs = [new Float32Array(4), new Float32Array(4)];
      once(executor, program, [x], outputs);
      expect([x, ...outputs].map((values) => [...values])).toEqual([
        [-1, 2, -3, 4],
        [0, 2, 0, 4],
        [-1, -2, -3, -4],
      ]);
    });

    it('computes with int32', () => {
      const y = new Int32Array(3);
      once(
        executor,
        elementwise('Multiply', [3], 'int32'),
        [Int32Array.of(1, -2, 3), Int32Array.of(70_000, 5, 6)],
        [y],
      );
      expect([...y]).toEqual([70_000, -10, 18]);
    });

    it('carries booleans inside a program', () => {
      const program = programOf('choose', [{ shape: [4] }, { shape: [4] }], (x, call) => [
        call('Select', [call('Greater', x), ...x]),
      ]);
      const y = new Float32Array(4);
      once(executor, program, [Float32Array.of(1, 5, 3, 0), Float32Array.of(2, 4, 3, -1)], [y]);
      expect([...y]).toEqual([2, 5, 3, 0]);
    });

    it('knows literals and values that are inputs and outputs at once', () => {
      const program = programOf('constants', [{ shape: [3] }], (x, call, recorder) => {
        const table = recorder.literal({ shape: [3], dtype: 'float32' }, Float32Array.of(10, 20, 30));
        return [call('Add', [x[0] as ValueId, table]), table, x[0] as ValueId, x[0] as ValueId];
      });
      const outputs = Array.from({ length: 4 }, () => new Float32Array(3));
      for (let run = 0; run < 2; run++) once(executor, program, [Float32Array.of(1, 2, 3)], outputs);
      expect(outputs.map((y) => [...y])).toEqual([
        [11, 22, 33],
        [10, 20, 30],
        [1, 2, 3],
        [1, 2, 3],
      ]);
    });

    it('skips what no output needs', () => {
      const program = programOf('skip', [{ shape: [2] }], (x, call) => {
        call('Exp', x);
        return [call('Neg', x)];
      });
      const y = new Float32Array(2);
      once(executor, program, [Float32Array.of(1, 2)], [y]);
      expect([...y]).toEqual([-1, -2]);
    });

    it('gives the same bits with one thread and with two', async () => {
      const n = 96;
      const a = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i));
      const program = programOf('threads', [{ shape: [n, n] }], ([x], call) => {
        const b = call('BatchMatMul', [x as ValueId, x as ValueId], { transposeA: false, transposeB: false });
        return [call('Softmax', [b], { dim: 1 })];
      });
      const results: Float32Array[] = [];
      for (const threads of [1, 2]) {
        const other = await open(threads);
        const c = new Float32Array(n * n);
        once(other, program, [a], [c]);
        other.close();
        results.push(c);
      }
      expect(results[1]).toEqual(results[0]);
    });

    it('refuses buffers that do not fit the ports, naming the port', () => {
      const loaded = executor.load(addition);
      expect(loaded.program).toBe(addition);
      const four = new Float32Array(4);
      expect(() => loaded.bind([four], [four])).toThrow(/Add: inputs: 2 ports, 1 buffers/);
      expect(() => loaded.bind([four, new Float32Array(5)], [four])).toThrow(
        /"plain x1" is float32\[2,2\].*5 elements/,
      );
      expect(() => loaded.bind([four, four], [new Int32Array(4)])).toThrow(/"plain y0" is float32\[2,2\].*int32/);
      loaded.free();
    });

    it.runIf(seesIndices)('says which program fails while it runs, and where in it, and works on after that', () => {
      const gather = programOf('', [{ shape: [4] }, { shape: [2], dtype: 'int32' }], (x, call) => [
        call('Neg', [call('GatherV2', [call('Neg', x.slice(0, 1)), x[1] as ValueId], { axis: 0, batchDims: 0 })]),
      ]);
      const [neg, ...rest] = gather.graph.nodes as [Node, ...Node[]];
      const nodes = [neg, ...rest.map((node) => ({ ...node, origin: 'block 7 (table)' }))];
      const program = { ...gather, name: 'look up', graph: { ...gather.graph, nodes } };
      const loaded = executor.load(program);
      const index = Int32Array.of(0, 4);
      const y = new Float32Array(2);
      const bound = loaded.bind([Float32Array.of(5, 6, 7, 8), index], [y]);
      const before = liveTensors();
      expect(() => bound.run()).toThrow(ModelError);
      expect(() => bound.run()).toThrow(`Program "look up" fails on ${name} in block 7 (table), op GatherV2: `);
      expect(liveTensors()).toBe(before);
      index[1] = 3;
      bound.run();
      expect([...y]).toEqual([5, 8]);
      loaded.free();
    });

    // ONNX counts negative indices from the end: a label of -1 would train towards the last class.
    it.runIf(seesIndices).each<[op: string, index: readonly number[], wrong: readonly number[], attrs: Attrs]>([
      ['GatherV2', [2, 0], [-1, 0], { axis: 0, batchDims: 0 }],
      ['GatherV2', [2, 0], [3, 0], { axis: 0, batchDims: 0 }],
      ['GatherV2', [2, 0, 1], [2, 0, -1], { axis: 1, batchDims: 1 }],
      ['GatherNd', [2, 0], [2, -1], {}],
      ['PtEmbedding', [2, 0], [2, -3], {}],
      ['PtCrossEntropy', [2, 0, 1], [2, 0, -1], {}],
      ['ScatterNd', [2, 0], [2, -1], { shape: [3, 3] }],
      ['ScatterNd', [1, 0], [1, 3], { shape: [3, 3] }],
      ['TensorScatterUpdate', [1, 0], [1, -1], {}],
    ])('%s refuses an index outside of its axis, also from the end: %j, not %j', (op, right, wrong, attrs) => {
      const values = [{ shape: [3, 3] }];
      const isPath = op.endsWith('Nd') || op === 'TensorScatterUpdate';
      const indices = [
        { shape: isPath ? [1, 2] : attrs['axis'] === 1 ? [3, 1] : [right.length], dtype: 'int32' as const },
      ];
      const updates = [{ shape: [1] }];
      const inputs =
        op === 'ScatterNd'
          ? [...indices, ...updates]
          : op === 'TensorScatterUpdate'
            ? [...values, ...indices, ...updates]
            : op === 'PtEmbedding'
              ? [...indices, ...values]
              : [...values, ...indices];
      const program = programOf(op, inputs, (x, call) => [call(op, x, attrs)]);
      const loaded = executor.load(program);
      const index = Int32Array.from(right);
      const size = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
      const given = inputs.map((input) => ('dtype' in input ? index : new Float32Array(size(input.shape)).fill(1)));
      const bound = loaded.bind(
        given,
        program.outputs.map(({ shape }) => new Float32Array(size(shape))),
      );
      bound.run();
      index.set(wrong);
      expect(() => bound.run()).toThrow(ModelError);
      // As it was given, and never a range from the end.
      if (op === 'PtEmbedding') expect(() => bound.run()).toThrow(/(?<![-\d])-3\b(?!.*\[-)/s);
      index.set(right);
      bound.run();
      loaded.free();
    });

    it('does not run what is freed; freeing twice is fine', () => {
      const loaded = executor.load(addition);
      const four = (): Float32Array => new Float32Array(4);
      const bound = loaded.bind([four(), four()], [four()]);
      const left = loaded.bind([four(), four()], [four()]);
      bound.free();
      bound.free();
      expect(() => bound.run()).toThrow(InvariantError);
      loaded.free();
      loaded.free();
      expect(() => left.run()).toThrow(InvariantError);
      left.free();
    });

    it('opens again after close, and close frees what is left', async () => {
      const before = liveTensors();
      for (let i = 0; i < 3; i++) {
        const other = await open(1);
        const left = other.load(addition).bind([new Float32Array(4), new Float32Array(4)], [new Float32Array(4)]);
        left.run();
        other.close();
        other.close();
        expect(() => left.run()).toThrow(InvariantError);
        expect(() => other.load(addition)).toThrow(InvariantError);
      }
      expect(liveTensors()).toBe(before);
    });
  });
}
