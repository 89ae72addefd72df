// openExecutor: picks the executor of this process and proves with a small program that it computes, before anything depends on it.
import { ModelError } from '../core/errors.js';
import type { ExecutorOptions } from './executor.js';
import type { OnnxExecutor } from './onnx-executor.js';
import { OnnxBuilder } from './onnx.js';
import { OrtBindingExecutor } from './ort-binding.js';
import { OrtCpuExecutor } from './ort-cpu.js';

export interface OpenExecutorOptions extends ExecutorOptions {
  /** The executor to use. Without it: `ort-cpu`, and `ort-cpu-binding` where that does not work. */
  readonly prefer?: 'ort-cpu' | 'ort-cpu-binding';
}

/**
 * Opens and tests an executor; `name` says which, `fallbackReason` why it is not `ort-cpu`. One process must stay with one kind: both load
 * the same native library, whose global state belongs to whoever came first. Throws a ModelError (PT_EXECUTOR) where none works.
 */
export function openExecutor(options: OpenExecutorOptions): OnnxExecutor {
  if (options.prefer === 'ort-cpu-binding') return opened(() => new OrtBindingExecutor(options));
  if (options.prefer === 'ort-cpu') return opened(() => new OrtCpuExecutor(options));
  let reason: string;
  try {
    return opened(() => new OrtCpuExecutor(options));
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
  }
  try {
    return opened(() => new OrtBindingExecutor(options, reason));
  } catch (error) {
    throw new ModelError(
      'PT_EXECUTOR',
      `No executor works here. ort-cpu: ${reason}; ort-cpu-binding: ${error instanceof Error ? error.message : String(error)}`,
      'Reinstall the dependencies (npm ci) and run "pipetrain doctor".',
      { cause: error },
    );
  }
}

function opened(open: () => OnnxExecutor): OnnxExecutor {
  const executor = open();
  try {
    selfTest(executor);
  } catch (error) {
    executor.close();
    throw error;
  }
  return executor;
}

/** Multiplies two small matrices, and checks that the result arrives in the buffer that was bound, and in no other shape. */
function selfTest(executor: OnnxExecutor): void {
  const onnx = new OnnxBuilder();
  onnx.input('a', 'float32', [2, 3]);
  onnx.input('b', 'float32', [3, 2]);
  onnx.node('MatMul', ['a', 'b'], ['c']);
  onnx.output('c', 'float32', [2, 2]);
  const session = executor.loadModel({
    name: 'self-test',
    bytes: onnx.encode('self-test'),
    inputNames: ['a', 'b'],
    outputNames: ['c'],
  });
  try {
    const a = Float32Array.of(1, 2, 3, 4, 5, 6);
    const b = Float32Array.of(1, 0, 2, 1, 0, 3);
    const c = new Float32Array(4);
    const bound = session.bind([{ data: a, dims: [2, 3] }, { data: b, dims: [3, 2] }], [{ data: c, dims: [2, 2] }]);
    bound.run();
    bound.free();
    const expected = [5, 11, 14, 23];
    if (!expected.every((value, i) => c[i] === value))
      throw new ModelError(
        'PT_EXECUTOR',
        `${executor.name} multiplies two small matrices to [${c.join()}] instead of [${expected.join()}]`,
        'Reinstall the dependencies (npm ci) and run "pipetrain doctor".',
      );
  } finally {
    session.free();
  }
}
