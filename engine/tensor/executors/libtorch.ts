// torch-cpu and torch-cuda: the kernels of an installed PyTorch.
import type { ExecutorKind } from '../executor-kind.js';
import { findTorch } from '../libtorch/find-torch.js';
import { LibtorchExecutor } from '../libtorch/libtorch-executor.js';

export const torchCpu: ExecutorKind = {
  name: 'torch-cpu',
  what: 'PyTorch on the CPU, through the library of an installed one',
  hasMemory: true,
  find: () => void findTorch(),
  open: (options) => new LibtorchExecutor(findTorch(), { type: 'cpu', index: 0 }, options),
};

export const torchCuda: ExecutorKind = {
  name: 'torch-cuda',
  what: 'PyTorch on NVIDIA GPUs, one worker each; not proven on a GPU yet',
  hasMemory: true,
  find: () => void findTorch(),
  open: (options, index) => new LibtorchExecutor(findTorch(), { type: 'cuda', index }, options),
};
