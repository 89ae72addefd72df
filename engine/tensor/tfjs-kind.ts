// TfjsKind: the backends of TensorFlow.js that programs can be replayed on, and what has to be installed for each. It
// starts none.

export interface TfjsBackend {
  /** Name of the backend in TensorFlow.js. */
  readonly backend: string;
  /** Package that brings it and that the user installs; null where it is part of pipetrain. */
  readonly packageName: string | null;
  /** Another package that it computes on. */
  readonly runtime?: string;
  /** What computes, in words. */
  readonly what: string;
}

export const TFJS_BACKENDS = {
  'tfjs-cpu': { backend: 'cpu', packageName: null, what: 'TensorFlow.js in plain JavaScript; slow, for comparison' },
  'tfjs-wasm': { backend: 'wasm', packageName: '@tensorflow/tfjs-backend-wasm', what: 'TensorFlow.js in WebAssembly' },
  'tfjs-node': { backend: 'tensorflow', packageName: '@tensorflow/tfjs-node', what: 'TensorFlow on the CPU' },
  'tfjs-node-gpu': {
    backend: 'tensorflow',
    packageName: '@tensorflow/tfjs-node-gpu',
    what: 'TensorFlow on NVIDIA GPUs, one worker each',
  },
  'tfjs-webgpu': {
    backend: 'webgpu',
    packageName: '@tensorflow/tfjs-backend-webgpu',
    runtime: 'webgpu',
    what: 'WebGPU (Dawn) on the GPU that its driver offers; all workers share it',
  },
} as const satisfies Readonly<Record<string, TfjsBackend>>;

export type TfjsKind = keyof typeof TFJS_BACKENDS;
