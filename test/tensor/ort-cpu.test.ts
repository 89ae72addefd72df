import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MappedFile, sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { OnnxBuilder } from '../../engine/tensor/onnx.js';
import type { OnnxExecutor } from '../../engine/tensor/onnx-executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { executorSuite } from './executor-conformance.js';
import { onnxSuite } from './onnx-conformance.js';
import { placeSuite } from './place-suite.js';

const open = (threads: number): OnnxExecutor => openExecutor({ threads, prefer: 'ort-cpu' });

executorSuite('ort-cpu', open);
onnxSuite('ort-cpu', open);
placeSuite('ort-cpu', () => open(1));
placeSuite('ort-cpu without kernels', () => openExecutor({ threads: 1, prefer: 'ort-cpu', kernels: 'off' }));

describe('executor ort-cpu', () => {
  it('is the one that opens by default', () => {
    const executor = openExecutor({ threads: 1 });
    expect([executor.name, executor.fallbackReason]).toEqual(['ort-cpu', null]);
    executor.close();
  });

  it('computes from one mapped file into another', () => {
    const executor = openExecutor({ threads: 1, prefer: 'ort-cpu' });
    const file = MappedFile.create(join(sharedMemoryFolder(), `pipetrain-test-ort-${process.pid}`), 4096);
    file.unlink();
    const onnx = new OnnxBuilder();
    onnx.input('x', 'float32', [3]);
    onnx.node('Neg', ['x'], ['y']);
    onnx.output('y', 'float32', [3]);
    const session = executor.loadModel({
      name: 'neg',
      bytes: onnx.encode('neg'),
      inputNames: ['x'],
      outputNames: ['y'],
    });
    const x = file.float32(0, 3);
    x.set([1, 2, 3]);
    const y = file.float32(1024, 3);
    session.bind([{ data: x, dims: [3] }], [{ data: y, dims: [3] }]).run();
    expect([...y]).toEqual([-1, -2, -3]);
    executor.close();
    file.close();
  });

  it('makes no copy of its outputs', () => {
    const executor = openExecutor({ threads: 1, prefer: 'ort-cpu' });
    const onnx = new OnnxBuilder();
    onnx.input('x', 'float32', ['n']);
    onnx.node('Neg', ['x'], ['y']);
    onnx.output('y', 'float32', ['n']);
    const session = executor.loadModel({
      name: 'neg',
      bytes: onnx.encode('neg'),
      inputNames: ['x'],
      outputNames: ['y'],
    });
    const x = new Float32Array(1 << 20);
    const bound = session.bind([{ data: x, dims: [x.length] }], [{ data: x, dims: [x.length] }]);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 5; i++) bound.run();
    // Five copies would be 20 MiB; the runs themselves make no JavaScript memory at all, so 1 MiB only allows for the
    // test runner.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
    executor.close();
  });
});
