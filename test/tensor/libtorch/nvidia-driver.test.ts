// What the driver of NVIDIA's GPUs says. No machine of the tests has one: a library with the same functions, compiled
// here, answers as it would. What that cannot show is whether the real one answers so.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askDriver, type DriverLibraries } from '../../../engine/tensor/libtorch/nvidia-driver.js';
import { scratch } from '../../scratch.js';

const CUDA = (initStatus: number, numGpus: number): string => `
#include <string.h>
int cuInit(unsigned flags) { return flags == 0 ? ${initStatus} : 1; }
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
int cuDeviceGetCount(int *count) { *count = ${numGpus}; return 0; }
int cuDeviceGet(int *device, int index) { *device = 40 + index; return 0; }
int cuDeviceGetName(char *name, int length, int device) {
  strncpy(name, device == 40 ? "Made-up A" : "Made-up B", length);
  return 0;
}
int cuDeviceTotalMem_v2(unsigned long long *bytes, int device) { *bytes = 1000000000000ull * device; return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) {
  *value = which == 75 ? 9 : which == 76 ? 1 : -1;
  return 0;
}
int cuGetErrorString(int status, const char **text) {
  *text = status == 100 ? "no CUDA-capable device is detected" : 0;
  return status == 100 ? 0 : 1;
}`;

const MANAGEMENT = `
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlSystemGetDriverVersion(char *version, unsigned length) { strncpy(version, "550.54.15", length); return 0; }`;

const hasCompiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;

function compiled(source: string): string {
  const folder = scratch();
  writeFileSync(join(folder, 'library.c'), source);
  const library = join(folder, 'library.so');
  const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-o', library, join(folder, 'library.c')]);
  expect(status, stderr.toString()).toBe(0);
  return library;
}

const driver = (initStatus: number, numGpus: number): DriverLibraries => ({
  cuda: compiled(CUDA(initStatus, numGpus)),
  management: compiled(MANAGEMENT),
});

describe.runIf(hasCompiler)('a driver (skipped without a C compiler on Linux)', () => {
  it('tells its GPUs, their memory and its versions', () => {
    expect(askDriver(driver(0, 2))).toEqual({
      gpus: [
        { index: 0, name: 'Made-up A', memoryBytes: 40e12, capability: '9.1' },
        { index: 1, name: 'Made-up B', memoryBytes: 41e12, capability: '9.1' },
      ],
      installed: 3,
      version: '550.54.15',
      cuda: '12.4',
      problem: null,
    });
  });

  it.each([
    [100, 'the NVIDIA driver answers with error 100 (no CUDA-capable device is detected)'],
    [803, 'the NVIDIA driver answers with error 803 (no reason told)'],
  ])('that refuses with %i says why, and still which one it is', (status, problem) => {
    expect(askDriver(driver(status, 2))).toEqual({
      gpus: [],
      installed: 3,
      version: '550.54.15',
      cuda: '12.4',
      problem,
    });
  });

  it('without GPUs has none', () => {
    expect(askDriver(driver(0, 0)).problem).toBe('the driver finds no GPU');
  });

  it('whose library for management is missing tells of its GPUs nevertheless', () => {
    const report = askDriver({ ...driver(0, 1), management: '/nowhere/libnvidia-ml.so.1' });
    expect(report).toMatchObject({ installed: null, version: null, cuda: '12.4' });
    expect(report.gpus).toHaveLength(1);
  });
});

it('is missing where its library does not load', () => {
  expect(askDriver({ cuda: '/nowhere/libcuda.so.1', management: '/nowhere/libnvidia-ml.so.1' })).toEqual({
    gpus: [],
    installed: null,
    version: null,
    cuda: null,
    problem: 'there is no NVIDIA driver (/nowhere/libcuda.so.1 does not load)',
  });
});
