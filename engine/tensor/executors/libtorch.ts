// torch-cpu and torch-cuda: the kernels of an installed PyTorch.
import { present } from '../../core/invariant.js';
import type { ExecutorKind } from '../executor-kind.js';
import { findCudaTorch } from '../libtorch/find-cuda-torch.js';
import { findTorch } from '../libtorch/find-torch.js';
import { cudaText, torchText } from '../libtorch/gpu-finding.js';
import { LibtorchExecutor } from '../libtorch/libtorch-executor.js';

export const torchCpu: ExecutorKind = {
  name: 'torch-cpu',
  what: 'PyTorch on the CPU, through the library of an installed one',
  hasMemory: true,
  find: () => void findTorch(),
  here: () => `${torchText(findTorch())} on the CPU`,
  bitsOf: (count) => Array<string>(count).fill(`PyTorch ${findTorch().version}`),
  open: (options) => new LibtorchExecutor(findTorch(), { type: 'cpu', index: 0 }, options),
};

export const torchCuda: ExecutorKind = {
  name: 'torch-cuda',
  what: 'PyTorch on NVIDIA GPUs, one worker each; not proven on a GPU yet',
  hasMemory: true,
  find: () => void findCudaTorch(),
  here: () => `${cudaText(findCudaTorch())}; not proven on a GPU yet`,
  bitsOf: (count) => {
    const { torch, driver } = findCudaTorch();
    return Array.from({ length: count }, (_, i) => {
      const { name } = present(driver.gpus[i % driver.gpus.length], 'a GPU');
      return `PyTorch ${torch.version} on ${name}`;
    });
  },
  // More workers than GPUs share them.
  open: (options, device) => {
    const { torch, driver } = findCudaTorch();
    return new LibtorchExecutor(torch, { type: 'cuda', index: device % driver.gpus.length }, options);
  },
};
