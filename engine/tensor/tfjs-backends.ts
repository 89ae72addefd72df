// TfjsBackends: finds, loads and starts the TensorFlow.js backends. Those that the user installs are looked for at run
// time, beside pipetrain and in the working folder. All copies of TensorFlow.js in a process share one engine, so a
// backend that brings its own copy still serves ours.
import { createRequire } from 'node:module';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import * as util from 'node:util';
import { messageOf, ModelError, UsageError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { registerGradients } from './gradients.js';
import * as tf from './tf.js';
import { TFJS_BACKENDS, type TfjsBackend, type TfjsKind } from './tfjs-kind.js';

/** What of this process decides whether a backend can be used. */
export interface PackageHost {
  readonly nodeVersion: string;
  /** Whether `util` still has the functions that Node 23 removed. */
  readonly hasLegacyUtil: boolean;
  /** File of an installed package; undefined where it is not installed. */
  resolve(packageName: string): string | undefined;
  load(file: string): unknown;
}

const require = createRequire(import.meta.url);

/** This process. */
export const packageHost: PackageHost = {
  nodeVersion: process.version,
  hasLegacyUtil: 'isNullOrUndefined' in util,
  resolve: (packageName) => {
    try {
      return require.resolve(packageName, { paths: [fileURLToPath(new URL('.', import.meta.url)), process.cwd()] });
    } catch {
      return undefined;
    }
  },
  load: (file) => require(file) as unknown,
};

/**
 * The file to load, or null where pipetrain has the backend itself. Throws a UsageError (PT_DEVICES) that says what is
 * missing.
 */
export function findBackend(kind: TfjsKind, host: PackageHost = packageHost): string | null {
  const { backend, packageName, runtime }: TfjsBackend = TFJS_BACKENDS[kind];
  if (packageName === null) return null;
  const file = host.resolve(packageName);
  if (file === undefined)
    throw new UsageError(
      'PT_DEVICES',
      `${kind} needs the package ${packageName}, which is not installed`,
      `Run: npm install ${packageName}@${tf.version_core}; docs/executors.md has more ways.`,
    );
  if (runtime !== undefined) findRuntime(kind, host);
  if (backend === 'tensorflow' && !host.hasLegacyUtil)
    throw new UsageError(
      'PT_DEVICES',
      `${kind}: Node ${host.nodeVersion} is too new for ${packageName}, which calls a function of Node's ` +
        'util module that Node 23 removed',
      'Use Node 20 or 22, or other devices (tfjs-wasm:N, cpu:N).',
    );
  return file;
}

/** The file of the package that a backend computes on. Throws a UsageError (PT_DEVICES) where it is not installed. */
export function findRuntime(kind: TfjsKind, host: PackageHost = packageHost): string {
  const runtime = present((TFJS_BACKENDS[kind] as TfjsBackend).runtime, `a runtime of ${kind}`);
  const file = host.resolve(runtime);
  if (file === undefined)
    throw new UsageError(
      'PT_DEVICES',
      `${kind} needs the package ${runtime}, which is not installed`,
      `Run: npm install ${runtime}; docs/executors.md has more.`,
    );
  return file;
}

export interface BackendOptions {
  /** Compute threads. */
  readonly threads: number;
  /** Which of the GPUs, from 0; ignored where there is none. */
  readonly device: number;
}

/**
 * Starts the backend of a kind and resolves to its name in TensorFlow.js. Throws a UsageError (PT_DEVICES) where it
 * cannot be used here, a ModelError (PT_EXECUTOR) where it is broken.
 */
export async function startBackend(
  kind: TfjsKind,
  { threads, device }: BackendOptions,
  host: PackageHost = packageHost,
): Promise<string> {
  const { backend, packageName }: TfjsBackend = TFJS_BACKENDS[kind];
  const file = findBackend(kind, host);
  if (file === null) await import('#tfjs-cpu');
  else {
    if (backend === 'tensorflow') limitTensorFlow(threads, kind === 'tfjs-node-gpu' ? device : null);
    const kernels = tf.getKernelsForBackend('cpu');
    try {
      host.load(file);
    } catch (error) {
      throw broken(`${packageName} is installed, but does not load: ${firstLine(error)}`, packageName, error);
    } finally {
      // A copy of TensorFlow.js brings its own gradients and cpu kernels, which have taken the place of ours. Its
      // kernels do not know our buffers.
      registerGradients();
      restore(kernels);
    }
  }
  const previous: string | null | undefined = tf.engine().backendName;
  try {
    if (!(await tf.setBackend(backend).catch(() => false)))
      throw broken(`the backend ${backend} of TensorFlow.js does not start`, packageName);
    if (kind === 'tfjs-node-gpu' && (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice !== true)
      throw new UsageError(
        'PT_DEVICES',
        `${kind}: TensorFlow finds no GPU ${device} here`,
        'Check the driver with nvidia-smi and the CUDA libraries, or use tfjs-node:N.',
      );
  } catch (error) {
    if (previous != null) await tf.setBackend(previous);
    throw error;
  }
  return backend;
}

function restore(kernels: readonly tf.KernelConfig[]): void {
  for (const kernel of kernels) {
    const { kernelName, backendName } = kernel;
    if (tf.getKernel(kernelName, backendName) === kernel) continue;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel(kernel);
  }
}

/** TensorFlow takes its limits from variables that it reads when it is loaded; they are written here and never read. */
function limitTensorFlow(threads: number, gpu: number | null): void {
  env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  env['TF_NUM_INTEROP_THREADS'] = '1';
  env['TF_CPP_MIN_LOG_LEVEL'] = '2';
  if (gpu === null) return;
  env['CUDA_VISIBLE_DEVICES'] = String(gpu);
  // The same bits every time, and products of 32-bit floats that round like others.
  env['TF_DETERMINISTIC_OPS'] = '1';
  env['NVIDIA_TF32_OVERRIDE'] = '0';
}

const firstLine = (error: unknown): string => messageOf(error).split('\n')[0]?.trim() ?? '';

const broken = (what: string, packageName: string | null, cause?: unknown): ModelError =>
  new ModelError(
    'PT_EXECUTOR',
    what,
    packageName === null ? 'Run "pipetrain doctor".' : `Run: npm rebuild ${packageName}; or use --devices cpu:N.`,
    { cause },
  );
