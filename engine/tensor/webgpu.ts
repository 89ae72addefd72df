// WebGPU for Node: gives this thread the `navigator.gpu` that the webgpu backend of TensorFlow.js looks for, from
// Dawn's build for Node. It computes nothing, and knows nothing of programs.
import { pathToFileURL } from 'node:url';
import { UsageError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import * as tf from './tf.js';

/** The tiled matrix product among those of the webgpu backend. */
const PACKED_PRODUCT = 3;

/** What is used of a GPU device. */
export interface GpuDevice {
  addEventListener(
    type: 'uncapturederror',
    listener: (event: { readonly error: { readonly message: string } }) => void,
  ): void;
  readonly lost: Promise<{ readonly message: string }>;
}

/** The package `webgpu`, as far as it is used. */
interface DawnModule {
  readonly create: (options: readonly string[]) => {
    requestAdapter(): Promise<{ readonly info?: { readonly description?: string; readonly device?: string } } | null>;
  };
  readonly globals: Readonly<Record<string, unknown>>;
}

/**
 * Makes WebGPU available to this thread. A thread that did this does not end by itself: Dawn's event loop keeps it.
 * Throws a UsageError (PT_DEVICES) where no driver answers. `file` is that of the package `webgpu`.
 */
export async function provideGpu(kind: string, file: string): Promise<void> {
  const { create, globals } = (await import(pathToFileURL(file).href)) as DawnModule;
  Object.assign(globalThis, globals);
  const gpu = create([]);
  if ((await gpu.requestAdapter()) === null)
    throw new UsageError(
      'PT_DEVICES',
      `${kind}: WebGPU finds no GPU here`,
      'Install the Vulkan driver of the GPU, or a software one (docs/executors.md), or use --devices cpu:N.',
    );
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node.js' }, configurable: true });
}

/**
 * Listens for errors that WebGPU reports on the side. Call it when the backend runs; the result says the first error
 * since the last call.
 */
export function watchGpu(): () => string | null {
  // Where a small result is computed must not depend on where its inputs lie, or where a pipeline is cut would change
  // bits.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  // One program for all matrix products: another one adds in whatever order its threads arrive, and those for small
  // results crawl on software drivers.
  tf.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', PACKED_PRODUCT);
  let first: string | null = null;
  const device = present((tf.backend() as { device?: GpuDevice }).device, 'the GPU device of the backend');
  device.addEventListener('uncapturederror', ({ error }) => (first ??= error.message));
  void device.lost.then(({ message }) => (first ??= `the GPU is lost: ${message}`));
  return () => {
    const error = first;
    first = null;
    return error;
  };
}
