// The folder of a run in shared memory is taken away while it goes on, as cleaners do: the run makes it anew and ends
// with the bits of an undisturbed one, or with one error where that cannot be.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { scratch } from '../scratch.js';
import { hashesOf, referenceRun, trainRun } from './train-run.js';

const LONG: Partial<TrainConfigInput> = {
  modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
  steps: 100,
  evalEvery: '25 steps',
  freeze: 'manual',
  freezeSchedule: '60:1',
};
const undisturbed = () => referenceRun({ ...LONG, devices: 'cpu:1', cache: 'off', dp: 'off' });

/** Does something the first time that one of these steps is done. */
function after(steps: readonly number[], act: (step: number) => void): (event: RunEventBody) => void {
  const left = new Set(steps);
  return (event) => void (event.type === 'step' && left.delete(event.step) && act(event.step));
}

function folderBelow(): string {
  const folder = join(scratch(sharedMemoryFolder()), 'mine');
  mkdirSync(folder);
  return folder;
}

/** Workers may make files in a folder that is being emptied. */
const REMOVING = { recursive: true, maxRetries: 20, retryDelay: 5 } as const;

/** Removes every memory folder in `parent`. */
function cleanUp(parent: string): void {
  for (const name of readdirSync(parent)) rmSync(join(parent, name), REMOVING);
}

describe('a run whose memory is taken away', () => {
  it.each<[string, Partial<TrainConfigInput>]>([
    ['a pipeline', { devices: 'cpu:2', pipeline: 2 }],
    ['replicas', { devices: 'cpu:2', pipeline: 1, replicas: 2 }],
    ['workers that share nothing', { devices: 'cpu:2', pipeline: 2, transport: 'socket' }],
  ])('goes on with all bits, loses no step, and tells it once each time: %s', async (_, changes) => {
    const memoryDir = scratch(sharedMemoryFolder());
    // While steps go on, and after layers were frozen and cached.
    const run = await trainRun(
      { ...LONG, ...changes, memoryDir, checkpointEvery: '40 steps' },
      after([20, 70], () => cleanUp(memoryDir)),
    );
    expect(run.of('recovered').map(({ lost, step, fromStep }) => [lost, fromStep - step])).toEqual([
      [[], 0],
      [[], 0],
    ]);
    const told = expect.stringMatching(/was taken away while it was in use: it was made anew/) as string;
    expect(run.of('warning').map(({ message }) => message)).toEqual([told, told]);
    expect(run.of('step').map(({ step }) => step)).toEqual(Array.from({ length: 100 }, (_, step) => step));
    expect(run.of('checkpoint.failed')).toEqual([]);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed()));
    expect(readdirSync(memoryDir)).toEqual([]);
  });

  it('replaces a worker that is lost later as any other run does', async () => {
    const memoryDir = scratch(sharedMemoryFolder());
    const pids: number[] = [];
    const harm = after([20, 50], (step) => {
      if (step === 20) cleanUp(memoryDir);
      else process.kill(pids[0] as number, 'SIGKILL');
    });
    const run = await trainRun({ ...LONG, devices: 'cpu:2', pipeline: 2, memoryDir }, (event) => {
      if (event.type === 'worker.joined') pids.push(event.pid);
      harm(event);
    });
    expect(run.of('recovered').map(({ lost }) => lost)).toEqual([[], ['w0']]);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed()));
  });

  it('finds its folder again where all around it was removed, too', async () => {
    const memoryDir = folderBelow();
    const run = await trainRun(
      { ...LONG, devices: 'cpu:2', pipeline: 2, memoryDir },
      after([20], () => rmSync(memoryDir, REMOVING)),
    );
    expect(run.of('recovered')).toHaveLength(1);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed()));
  });

  it('ends with one error where it cannot be made anew', async () => {
    const memoryDir = folderBelow();
    const harm = after([20], () => {
      rmSync(memoryDir, { recursive: true });
      writeFileSync(memoryDir, 'a file');
    });
    await expect(trainRun({ ...LONG, devices: 'cpu:2', memoryDir }, harm)).rejects.toMatchObject({
      code: 'PT_MEMORY_GONE',
      exitCode: 4,
    });
  });

  it('ends with one error where a worker went with it, and its state is gone', async () => {
    const memoryDir = scratch(sharedMemoryFolder());
    const pids: number[] = [];
    const harm = after([20], () => {
      cleanUp(memoryDir);
      process.kill(pids[0] as number, 'SIGKILL');
    });
    const run = trainRun({ ...LONG, devices: 'cpu:2', pipeline: 2, memoryDir }, (event) => {
      if (event.type === 'worker.joined') pids.push(event.pid);
      harm(event);
    });
    await expect(run).rejects.toMatchObject({ code: 'PT_MEMORY_GONE' });
  });
});
