// ort-cpu: ONNX Runtime on the processor, through its C interface, or through the binding of its package where that
// does not work.
import { messageOf, ModelError } from '../../core/errors.js';
import type { ExecutorOptions } from '../executor.js';
import type { ExecutorKind } from '../executor-kind.js';
import type { OnnxExecutor } from '../onnx-executor.js';
import { OrtBindingExecutor } from '../ort-binding.js';
import { OrtCpuExecutor } from '../ort-cpu.js';
import { opened } from '../self-test.js';

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
      `No executor works here. ort-cpu: ${reason}; ort-cpu-binding: ${messageOf(error)}`,
      'Install pipetrain again and run "pipetrain doctor".',
      { cause: error },
    );
  }
}

export const ortCpu: ExecutorKind = {
  name: 'ort-cpu',
  shortName: 'cpu',
  what: 'ONNX Runtime',
  takesKernels: true,
  open: openExecutor,
};
