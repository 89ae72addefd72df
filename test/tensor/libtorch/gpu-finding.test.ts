// What is said of the GPUs of a machine. Drivers and folders are made up.
import { expect, it } from 'vitest';
import { UsageError } from '../../../engine/core/errors.js';
import { gpuFinding, type GpuPlace } from '../../../engine/tensor/libtorch/gpu-finding.js';
import type { DriverReport } from '../../../engine/tensor/libtorch/nvidia-driver.js';

const gpu = (index: number, name = 'Made-up') => ({ index, name, memoryBytes: 150e9, capability: '9.0' });
const DRIVER: DriverReport = {
  gpus: [gpu(0), gpu(1), gpu(2, 'Older')],
  installed: 3,
  version: '580.65',
  cuda: '13.0',
  problem: null,
};
const TORCH = { folder: '/torch', version: '2.11.0+cu130', from: 'VIRTUAL_ENV' };
const refuse = (): never => {
  throw new UsageError('PT_DEVICES', 'the driver is too old', 'Install a driver.');
};
const place = (driver: DriverReport, parts: Partial<GpuPlace> = {}): GpuPlace => ({
  askDriver: () => driver,
  findTorch: () => TORCH,
  findCudaTorch: () => ({ torch: TORCH, driver }),
  ...parts,
});

it('names GPUs by kind with their memory, the driver and PyTorch', () => {
  expect(gpuFinding(place(DRIVER))).toEqual({
    isFine: true,
    found:
      '2 x Made-up (150.0 GB), Older (150.0 GB), driver 580.65 (CUDA 13.0), PyTorch 2.11.0+cu130 (VIRTUAL_ENV, /torch)',
    remedy: '',
  });
});

it('is a problem where there are GPUs and they cannot be used', () => {
  expect(gpuFinding(place(DRIVER, { findCudaTorch: refuse }))).toMatchObject({
    isFine: false,
    found: '2 x Made-up (150.0 GB), Older (150.0 GB), not usable: the driver is too old',
    remedy: 'Install a driver.',
  });
  expect(gpuFinding(place({ ...DRIVER, gpus: [] }, { findCudaTorch: refuse })).found).toContain(
    '3 in the machine, not',
  );
});

it('is none where there are no GPUs', () => {
  const none = { gpus: [], installed: null, version: null, cuda: null, problem: 'there is no NVIDIA driver' };
  expect(gpuFinding(place(none, { findTorch: refuse }))).toEqual({
    isFine: true,
    found: 'none: there is no NVIDIA driver; no PyTorch either, and none is needed',
    remedy: '',
  });
  expect(gpuFinding(place(none)).found).toContain('; PyTorch 2.11.0+cu130 (VIRTUAL_ENV, /torch)');
});
