// A device without memory left: what runtimes say of it is told with need, room and the setting that fits.
import { expect, it } from 'vitest';
import { atPlace, runFailure } from '../../engine/tensor/run-failure.js';

const failure = (reason: string) =>
  runFailure({ program: 'stage 1 backward', executor: 'torch-cuda', reason, hint: 'look', node: { op: 'MatMul' } });

const CUDA =
  'CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.80 GiB of which 10.25 GiB is ' +
  'free. Including non-PyTorch memory, this process has 129.55 GiB memory in use. Of the allocated memory 127.00 GiB ' +
  'is allocated by PyTorch, and 500.00 MiB is reserved by PyTorch but unallocated.';

it.each([
  [CUDA, 'needs 21.5 GB more; 11.0 GB of its 150.1 GB are free'],
  [
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate " +
      '400000000000 bytes. Error code 12 (Cannot allocate memory)',
    'needs 400.0 GB more than the device has',
  ],
  ['CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`', 'needs more memory than the device'],
  ['CUDA error: out of memory', 'needs more memory than the device has'],
])('%s is said in our words', (reason, text) => {
  const { code, message } = failure(reason);
  expect(code).toBe('PT_DEVICE_MEMORY');
  expect(message).toContain(`Program "stage 1 backward" in op MatMul ${text}`);
});

it('names stage, action and micro-batch, and settings that need less', () => {
  const at = (settings: { microBatch: number; recompute: boolean }) =>
    atPlace(failure(CUDA), 'replica 0, stage 1, action 1B3', settings) as { message: string; hint: string };
  const { message, hint } = at({ microBatch: 8, recompute: false });
  expect(message).toMatch(/^replica 0, stage 1, action 1B3 \(micro-batch of 8\): Program "stage 1 backward"/);
  expect(hint).toMatch(/^Use --micro-batch 4, .*; or --recompute on, .*; or a longer --pipeline/);
  // What is at its least already is not advised.
  expect(at({ microBatch: 1, recompute: true }).hint).toBe('Use a longer --pipeline over more devices.');
});

it('is nothing else', () => {
  expect(failure('index 7 is out of bounds').code).toBe('PT_EXECUTOR');
});
