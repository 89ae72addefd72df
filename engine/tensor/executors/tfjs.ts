// The executors that replay programs on a backend of TensorFlow.js.
import type { ExecutorKind } from '../executor-kind.js';
import { findBackend, startBackend } from '../tfjs-backends.js';
import { TfjsExecutor } from '../tfjs-executor.js';
import { TFJS_BACKENDS, type TfjsKind } from '../tfjs-kind.js';
import { ThreadedExecutor } from '../threaded-executor.js';

const kindOf = (name: TfjsKind, open: ExecutorKind['open']): ExecutorKind => ({
  name,
  what: TFJS_BACKENDS[name].what,
  find: () => void findBackend(name),
  open,
});

const onBackend = (name: TfjsKind): ExecutorKind =>
  kindOf(
    name,
    async (options, device) =>
      new TfjsExecutor(name, await startBackend(name, { threads: options.threads, device }), options),
  );

export const tfjsCpu = onBackend('tfjs-cpu');
export const tfjsWasm = onBackend('tfjs-wasm');
export const tfjsNode = onBackend('tfjs-node');
export const tfjsNodeGpu = onBackend('tfjs-node-gpu');
/** WebGPU hands results over later, and where it is asked to wait it cannot. */
export const tfjsWebgpu = kindOf('tfjs-webgpu', (options) => ThreadedExecutor.open('tfjs-webgpu', options));
