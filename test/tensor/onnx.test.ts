import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../engine/core/invariant.js';
import { OnnxBuilder } from '../../engine/tensor/onnx.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { ProtobufWriter } from '../../engine/tensor/protobuf.js';

const hex = (write: (writer: ProtobufWriter) => void): string => {
  const writer = new ProtobufWriter();
  write(writer);
  return Buffer.from(writer.finish()).toString('hex');
};

describe('ProtobufWriter', () => {
  // The first three are the examples of the protobuf encoding guide.
  it('writes integers as varints', () => {
    expect(hex((w) => w.int(1, 150))).toBe('089601');
    expect(hex((w) => w.int(1, 0))).toBe('0800');
    expect(hex((w) => w.int(1, 2 ** 32))).toBe('088080808010');
    expect(hex((w) => w.int(16, 1))).toBe('800101');
  });

  it('writes negative integers in ten bytes', () => {
    expect(hex((w) => w.int(1, -1))).toBe('08ffffffffffffffffff01');
    expect(hex((w) => w.int(1, -2))).toBe('08feffffffffffffffff01');
  });

  it('writes text, floats and nested messages', () => {
    expect(hex((w) => w.text(2, 'testing'))).toBe('120774657374696e67');
    expect(hex((w) => w.message(3, (inner) => inner.int(1, 150)))).toBe('1a03089601');
    expect(hex((w) => w.float(5, 1))).toBe('2d0000803f');
  });

  it('grows beyond its first buffer without losing a byte', () => {
    const writer = new ProtobufWriter();
    for (let i = 0; i < 1000; i++) writer.bytes(1, Uint8Array.of(i & 255, i >> 8));
    const bytes = writer.finish();
    expect(bytes.length).toBe(4000);
    for (let i = 0; i < 1000; i++) expect([...bytes.subarray(4 * i, 4 * i + 4)]).toEqual([10, 2, i & 255, i >> 8]);
  });

  it('refuses numbers that are no integers', () => {
    expect(() => hex((w) => w.int(1, 1.5))).toThrow(InvariantError);
  });
});

/** Runs a model of one output of `size` floats and no input. */
function evaluate(size: number, build: (onnx: OnnxBuilder) => void): number[] {
  const executor = openExecutor({ threads: 1, prefer: 'ort-cpu' });
  const onnx = new OnnxBuilder();
  build(onnx);
  onnx.output('y', 'float32', [size]);
  const session = executor.loadModel({ name: 'test', bytes: onnx.encode('test'), inputNames: [], outputNames: ['y'] });
  const y = new Float32Array(size);
  session.bind([], [{ data: y, dims: [size] }]).run();
  executor.close();
  return [...y];
}

describe('OnnxBuilder', () => {
  it('writes constants of every element type, from typed arrays and from lists', () => {
    const y = evaluate(2, (onnx) => {
      onnx.initializer('f', 'float32', [2], Float32Array.of(0.5, -0.5));
      onnx.initializer('i', 'int32', [2], [3, -4]);
      onnx.initializer('shape', 'int64', [1], [-1]);
      onnx.initializer('l', 'int64', [2, 1], BigInt64Array.of(100n, -100n));
      onnx.initializer('b', 'bool', [2], [1, 0]);
      onnx.initializer('zero', 'float32', [], [0]);
      onnx.node('Cast', ['i'], ['if'], { to: 1 });
      onnx.node('Reshape', ['l', 'shape'], ['l1']);
      onnx.node('Cast', ['l1'], ['lf'], { to: 1 });
      onnx.node('Sum', ['f', 'if', 'lf'], ['s']);
      onnx.node('Where', ['b', 's', 'zero'], ['y']);
    });
    expect(y).toEqual([103.5, 0]);
  });

  it('writes integer, float, text, list and tensor attributes', () => {
    const y = evaluate(3, (onnx) => {
      onnx.initializer('x', 'float32', [1, 3], [-2, 0, 4]);
      onnx.initializer('shape', 'int64', [1], [3]);
      onnx.node('LeakyRelu', ['x'], ['a'], { alpha: { float: 0.25 } });
      onnx.node('Transpose', ['a'], ['b'], { perm: [1, 0] });
      onnx.node('Reshape', ['b', 'shape'], ['c']);
      onnx.node('ConstantOfShape', ['shape'], ['ten'], {
        value: { tensor: { dtype: 'float32', dims: [1], data: [10] } },
      });
      onnx.node('Constant', [], ['steps'], { value_floats: { floats: [1, 2, 3] } });
      onnx.node('Gelu', ['steps'], ['unused'], { approximate: 'tanh' });
      onnx.node('Sum', ['c', 'ten', 'steps'], ['y']);
    });
    expect(y).toEqual([10.5, 12, 17]);
  });

  it('knows the operators of Microsoft beside those of ONNX, and leaves out optional outputs', () => {
    const y = evaluate(1, (onnx) => {
      onnx.initializer('a', 'float32', [1, 2], [1, 2]);
      onnx.initializer('shape', 'int64', [1], [1]);
      onnx.node('FusedMatMul', ['a', 'a'], ['p'], { transB: 1, alpha: { float: 2 } }, { domain: 'com.microsoft' });
      onnx.node('Reshape', ['p', 'shape'], ['flat']);
      onnx.node('Dropout', ['flat', '', ''], ['y', '']);
    });
    expect(y).toEqual([10]);
  });

  it('refuses graphs that contradict themselves', () => {
    const onnx = new OnnxBuilder();
    onnx.input('x', 'float32', [1]);
    expect(() => onnx.input('x', 'float32', [1])).toThrow(/"x" is defined twice/);
    expect(() => onnx.node('Neg', ['x'], ['x'])).toThrow(/"x" is defined twice/);
    expect(() => onnx.node('Neg', ['y'], ['z'])).toThrow(/Neg reads y before/);
    expect(() => onnx.node('Neg', ['x'], ['z'], { bad: 0.5 })).toThrow(/bad: 0.5 is no integer/);
    expect(() => onnx.initializer('c', 'float32', [2, 2], [1, 2, 3])).toThrow(/want 4 elements, data has 3/);
    onnx.output('nowhere', 'float32', [1]);
    expect(() => onnx.encode('g')).toThrow(/output nowhere of g is never defined/);
  });
});
