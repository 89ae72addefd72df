import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coresCheck, memoryCheck } from '../../cli/machine/machine-checks.js';
import { memoryText } from '../../cli/machine/memory-text.js';
import { allowanceOn, coresText } from '../../engine/core/allowance.js';

const HOST = { cores: 64, affinity: 64, memory: 64e9, freeMemory: 50e9 };
const NONE = { quota: Infinity, cpuset: Infinity, memory: Infinity, freeMemory: Infinity };

describe('the size of a machine', () => {
  const whole = allowanceOn(HOST, NONE);
  const held = allowanceOn(HOST, { ...NONE, quota: 1.5, memory: 2e9, freeMemory: 0.5e9 });

  it('is one number where nothing is held back, and both where something is', () => {
    expect([coresText(whole), memoryText(whole)]).toEqual(['64 cores', '64.0 GB of memory']);
    expect(coresText(held)).toBe('1 of 64 cores by the quota of its control group');
    expect(coresText(allowanceOn({ ...HOST, affinity: 2 }, NONE))).toBe('2 of 64 cores by its affinity mask');
    expect(memoryText(held)).toBe('2.0 GB of 64.0 GB of memory by the limit of its control group');
  });

  it('is what doctor looks at', () => {
    expect(coresCheck(held).found).toBe(`${coresText(held)}; two workers would share it`);
    expect(memoryCheck(held)).toMatchObject({ isFine: false, found: `500 MB free, of ${memoryText(held)}` });
    expect(memoryCheck(held).remedy).toMatch(/^raise the limit of the container/);
    expect(memoryCheck(whole).isFine).toBe(true);
  });
});

const canPin = process.platform === 'linux' && cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0;

it.skipIf(!canPin)('devices counts the cores that a process is pinned to, and lets no driver speak', () => {
  const main = join(import.meta.dirname, '../../dist/cli/main.js');
  const { stdout, stderr } = spawnSync('taskset', ['-c', '0', process.execPath, main, 'devices'], { encoding: 'utf8' });
  expect(stdout).toMatch(/^cpu:1 +yes/m);
  expect(stderr).toBe('');
  expect(stdout).toContain(`1 of ${cpus().length} cores by its affinity mask`);
});
