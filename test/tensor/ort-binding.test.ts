import { describe, expect, it, vi } from 'vitest';
import type { OnnxExecutor } from '../../engine/tensor/onnx-executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { executorSuite } from './executor-conformance.js';
import { onnxSuite } from './onnx-conformance.js';

// Native calls fail in this whole file: the fallback has to do without them.
vi.mock('../../engine/tensor/native.js', () => {
  const fail = (): never => {
    throw new Error('no native calls on this platform');
  };
  return { loadKoffi: fail, addressOf: fail };
});

const open = (threads: number): OnnxExecutor => openExecutor({ threads, prefer: 'ort-cpu-binding' });

executorSuite('ort-cpu-binding', open);
onnxSuite('ort-cpu-binding', open);

describe('openExecutor', () => {
  it('falls back to the binding, with the reason, where native calls fail', () => {
    const executor = openExecutor({ threads: 1 });
    expect([executor.name, executor.fallbackReason]).toEqual(['ort-cpu-binding', 'no native calls on this platform']);
    executor.close();
  });

  it('does not fall back where ort-cpu was asked for', () => {
    expect(() => openExecutor({ threads: 1, prefer: 'ort-cpu' })).toThrow('no native calls on this platform');
  });
});
