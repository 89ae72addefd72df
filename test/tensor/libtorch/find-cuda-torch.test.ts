// Whether PyTorch can compute on the GPUs here: the first thing that is missing is named, with what mends it. The
// folders and the answers of the driver are made up.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UsageError } from '../../../engine/core/errors.js';
import { type CudaHost, findCudaTorch } from '../../../engine/tensor/libtorch/find-cuda-torch.js';
import type { DriverReport } from '../../../engine/tensor/libtorch/nvidia-driver.js';
import { errorOf } from '../../error-of.js';
import { scratchWith } from '../../scratch.js';

const GPU = { index: 0, name: 'Made-up', memoryBytes: 80e9, capability: '9.0' };
const DRIVER: DriverReport = { gpus: [GPU], installed: 2, version: '580.65', cuda: '13.0', problem: null };

function torch(files: Readonly<Record<string, string>>, version = '2.11.0+cu130') {
  const root = scratchWith({ 'bin/python': '', ...files });
  return { folder: join(root, 'lib/python3.12/site-packages/torch'), version, from: 'VIRTUAL_ENV' };
}
const withCuda = (cuda: string): ReturnType<typeof torch> =>
  torch({
    'lib/python3.12/site-packages/torch/lib/libtorch_cuda.so': '',
    'lib/python3.12/site-packages/torch/version.py': `debug = False\ncuda: Optional[str] = '${cuda}'\n`,
  });

const host = (parts: Partial<CudaHost & { readonly driver: DriverReport }>): CudaHost => ({
  findTorch: () => withCuda('13.2'),
  askDriver: () => parts.driver ?? DRIVER,
  visible: undefined,
  ...parts,
});

it('can with a CUDA library, a GPU, and a driver of the same major version of CUDA', () => {
  const found = withCuda('13.2');
  expect(findCudaTorch(host({ findTorch: () => found }))).toEqual({ torch: found, driver: DRIVER });
});

it('cannot with a driver too old, named with both versions', () => {
  const { message, hint } = errorOf(() =>
    findCudaTorch(host({ driver: { ...DRIVER, version: '550.1', cuda: '12.4' } })),
  );
  expect(message).toBe(
    'the NVIDIA driver 550.1 knows CUDA up to 12.4; the PyTorch of VIRTUAL_ENV (2.11.0+cu130) is built for CUDA 13.2',
  );
  expect(hint).toBe('Install a driver for CUDA 13, or a PyTorch that is built for CUDA 12.');
});

it('cannot with a PyTorch for CPUs only, and names the pip that installed it', () => {
  const cpuOnly = torch({ 'lib/python3.12/site-packages/torch/version.py': '' }, '2.11.0+cpu');
  const { message, hint } = errorOf(() => findCudaTorch(host({ findTorch: () => cpuOnly })));
  expect(message).toContain('is 2.11.0+cpu, which has no CUDA library (lib/libtorch_cuda.so)');
  expect(hint).toContain(`Run: ${join(cpuOnly.folder, '../../../../bin/python')} -m pip install`);
});

it('cannot where CUDA_VISIBLE_DEVICES hides the GPUs', () => {
  const hidden = { ...DRIVER, gpus: [], problem: 'the NVIDIA driver answers with error 100 (no device)' };
  const { message, hint } = errorOf(() => findCudaTorch(host({ driver: hidden, visible: '7' })));
  expect(message).toBe('CUDA_VISIBLE_DEVICES is "7", which hides all 2 GPUs');
  expect(hint).toContain('unset CUDA_VISIBLE_DEVICES');
});

it('cannot without a GPU, whether or not there is a PyTorch', () => {
  const none = { gpus: [], installed: null, version: null, cuda: null, problem: 'there is no NVIDIA driver' };
  const missing = (): never => {
    throw new UsageError('PT_DEVICES', 'PyTorch is not found', '');
  };
  const { message, hint } = errorOf(() => findCudaTorch(host({ driver: none, findTorch: missing })));
  expect(message).toBe('PyTorch finds no GPU here: there is no NVIDIA driver');
  expect(hint).toContain('nvidia-smi');
});
