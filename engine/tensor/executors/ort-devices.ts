// ort-webgpu and ort-cuda: ONNX Runtime on devices with memory of their own.
import type { ExecutorKind } from '../executor-kind.js';
import { OrtDeviceExecutor } from '../ort-device.js';
import { findCuda } from '../ort-provider.js';

export const ortWebgpu: ExecutorKind = {
  name: 'ort-webgpu',
  what: 'ONNX Runtime with WebGPU on the GPU that its driver offers; all workers share it',
  open: (options) => new OrtDeviceExecutor('ort-webgpu', { kind: 'webgpu' }, options),
};

export const ortCuda: ExecutorKind = {
  name: 'ort-cuda',
  what: 'ONNX Runtime on NVIDIA GPUs, one worker each, without kernels for training; not proven on a GPU yet',
  find: () => void findCuda(),
  open: (options, device) => new OrtDeviceExecutor('ort-cuda', { kind: 'cuda', device }, options),
};
