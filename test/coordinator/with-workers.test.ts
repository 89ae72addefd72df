// What is lent is given back: whatever becomes of the use of workers, none of their processes, no shared memory and no
// hook of this process is left.
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { CoordinatorOptions } from '../../engine/coordinator/coordinator-options.js';
import { withWorkers } from '../../engine/coordinator/with-workers.js';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { setUpRun } from '../../engine/run/run-setup.js';
import { sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { TINY } from '../trainer/train-run.js';

const optionsOf = async (changes: Partial<TrainConfigInput> = {}): Promise<CoordinatorOptions> => ({
  ...(await setUpRun(trainConfigSchema.parse({ ...TINY, devices: 'cpu:2', ...changes }))),
  programCache: null,
});
const memoryFolders = (): string[] =>
  readdirSync(sharedMemoryFolder()).filter((name) => name.startsWith(`pipetrain-${process.pid}-`));
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

let numHooks = 0;
beforeEach(() => {
  numHooks = process.listenerCount('exit');
});
afterEach(() => {
  expect(memoryFolders()).toEqual([]);
  expect(process.listenerCount('exit')).toBe(numHooks);
});

it('resolves to what the use of the workers comes to, and lets them go', async () => {
  const members = await withWorkers(await optionsOf(), async (coordinator) => {
    expect(memoryFolders()).toHaveLength(1);
    const launched = await coordinator.launch();
    expect(launched.map(({ worker }) => worker)).toEqual(coordinator.workers);
    return launched;
  });
  expect(members.map(({ worker }) => worker)).toEqual(['w0', 'w1']);
  expect(members.filter(({ pid }) => isAlive(pid))).toEqual([]);
});

it('rejects with what the use of them threw, though they are still starting', async () => {
  const use = withWorkers(await optionsOf(), () => Promise.reject(new Error('the data are gone')));
  await expect(use).rejects.toThrow('the data are gone');
});

it('leaves nothing where the port cannot be opened', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  try {
    const use = withWorkers(await optionsOf({ port }), () => Promise.resolve('used'));
    await expect(use).rejects.toMatchObject({ code: 'PT_PORT_IN_USE' });
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
});
