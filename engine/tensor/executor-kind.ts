// ExecutorKind: the names of the executors that a worker can be told to use, and what has to be installed for each. It
// opens none.

/** `ort-cpu` falls back to `ort-cpu-binding` by itself; those of tfjs replay programs on a TensorFlow.js backend. */
export const EXECUTOR_KINDS = [
  'ort-cpu',
  'ort-webgpu',
  'ort-cuda',
  'tfjs-cpu',
  'tfjs-wasm',
  'tfjs-node',
  'tfjs-node-gpu',
  'tfjs-webgpu',
] as const;
export type ExecutorKind = (typeof EXECUTOR_KINDS)[number];

export type TfjsKind = Exclude<ExecutorKind, `ort-${string}`>;

/** What computes, in words. */
export const ORT_DEVICES = {
  'ort-webgpu': 'ONNX Runtime with WebGPU on the GPU that its driver offers; all workers share it',
  'ort-cuda': 'ONNX Runtime on NVIDIA GPUs, one worker each; not proven on a GPU yet',
} as const;

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

export const TFJS_BACKENDS: Readonly<Record<TfjsKind, TfjsBackend>> = {
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
};
