// openExecutor: picks the executor of this process and proves with a small program that it computes, before anything
// depends on it.
import { messageOf, ModelError } from '../core/errors.js';
import type { Executor, ExecutorOptions } from './executor.js';
import type { ExecutorKind } from './executor-kind.js';
import type { OnnxExecutor } from './onnx-executor.js';
import { OrtBindingExecutor } from './ort-binding.js';
import { OrtCpuExecutor } from './ort-cpu.js';
import { OrtDeviceExecutor } from './ort-device.js';
import { findCudaProvider } from './ort-provider.js';
import type { Port, Program } from './program.js';
import { findBackend, startBackend } from './tfjs-backends.js';
import { TfjsExecutor } from './tfjs-executor.js';
import { ThreadedExecutor } from './threaded-executor.js';

export interface OpenExecutorOptions extends ExecutorOptions {
  /** The executor to use. Without it: `ort-cpu`, and `ort-cpu-binding` where that does not work. */
  readonly prefer?: 'ort-cpu' | 'ort-cpu-binding';
}

/**
 * Opens and tests an executor; `name` says which, `fallbackReason` why it is not `ort-cpu`. One process must stay with
 * one kind: both load the same native library, whose global state belongs to whoever came first. Throws a ModelError
 * (PT_EXECUTOR) where none works.
 */
export function openExecutor(options: OpenExecutorOptions): OnnxExecutor {
  if (options.prefer === 'ort-cpu-binding') return opened(() => new OrtBindingExecutor(options));
  if (options.prefer === 'ort-cpu') return opened(() => new OrtCpuExecutor(options));
  let reason: string;
  try {
    return opened(() => new OrtCpuExecutor(options));
  } catch (error) {
    reason = messageOf(error);
  }
  try {
    return opened(() => new OrtBindingExecutor(options, reason));
  } catch (error) {
    throw new ModelError(
      'PT_EXECUTOR',
      `No executor works here. ort-cpu: ${reason}; ort-cpu-binding: ` + `${messageOf(error)}`,
      'Reinstall the dependencies (npm ci) and run "pipetrain doctor".',
      { cause: error },
    );
  }
}

/**
 * Throws a UsageError (PT_DEVICES) where an executor needs something that is not installed. It opens none: that shows
 * whether it works.
 */
export function findExecutor(kind: ExecutorKind): void {
  if (kind === 'ort-cuda') findCudaProvider();
  else if (kind !== 'ort-cpu' && kind !== 'ort-webgpu') findBackend(kind);
}

/**
 * Opens and tests the executor of that kind on the device of that number (GPUs only). Throws a UsageError (PT_DEVICES)
 * where this machine does not have it, a ModelError (PT_EXECUTOR) where it does not work.
 */
export async function openExecutorOf(kind: ExecutorKind, options: ExecutorOptions, device = 0): Promise<Executor> {
  findExecutor(kind);
  if (kind === 'ort-cpu') return openExecutor(options);
  if (kind === 'ort-webgpu') return opened(() => new OrtDeviceExecutor(kind, { kind: 'webgpu' }, options));
  if (kind === 'ort-cuda') return opened(() => new OrtDeviceExecutor(kind, { kind: 'cuda', device }, options));
  // WebGPU hands results over later, and where it is asked to wait it cannot.
  if (kind === 'tfjs-webgpu') {
    const executor = await ThreadedExecutor.open(kind, options);
    return opened(() => executor);
  }
  const backend = await startBackend(kind, { threads: options.threads, device });
  return opened(() => new TfjsExecutor(kind, backend, options));
}

function opened<T extends Executor>(open: () => T): T {
  const executor = open();
  try {
    selfTest(executor);
  } catch (error) {
    executor.close();
    throw error;
  }
  return executor;
}

/** A program of one product of two matrices. */
const productProgram: Program = {
  name: 'self-test',
  graph: {
    values: [
      [2, 3],
      [3, 2],
      [2, 2],
    ].map((shape, id) => ({ id, shape, dtype: 'float32' })),
    literals: [],
    nodes: [{ op: 'BatchMatMul', inputs: [0, 1], outputs: [2], attrs: { transposeA: false, transposeB: false } }],
  },
  inputs: [port('a', 0, [2, 3]), port('b', 1, [3, 2])],
  outputs: [port('c', 2, [2, 2])],
};

function port(name: string, value: number, shape: readonly number[]): Port {
  return { role: { kind: 'plain', name }, value, shape, dtype: 'float32' };
}

/** Multiplies two small matrices, and checks that the result arrives in the buffer that was bound. */
function selfTest(executor: Executor): void {
  const loaded = executor.load(productProgram);
  try {
    const c = new Float32Array(4);
    const bound = loaded.bind([Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(1, 0, 2, 1, 0, 3)], [c]);
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
    loaded.free();
  }
}
