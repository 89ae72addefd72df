// Resuming equals never stopping, on any number of workers and stages; a damaged checkpoint is refused by name.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { newestResumePoint, resultPoint } from '../../engine/checkpoint/run-checkpoint.js';
import { type TrainConfigInput } from '../../engine/core/config.js';
import { EventFile } from '../../engine/events/event-file.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { effectiveSteps } from '../../engine/events/steps-that-count.js';
import { summarize } from '../../engine/events/summary.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { scratch } from '../scratch.js';
import { trainInto } from './run-on-disk.js';
import { hashesOf, referenceRun, type TrainedRun } from './train-run.js';

const CONFIG: Partial<TrainConfigInput> = {
  modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
  steps: 40,
  freeze: 'paper',
  freezeAlpha: 0.3,
  freezeInterval: '12 steps',
  evalEvery: '10 steps',
};

let folder = '';
beforeAll(() => {
  folder = scratch();
});

/** What a run ends with, however often it was stopped on the way. */
const endOf = (run: TrainedRun): unknown => ({
  ...hashesOf(run),
  steps: run.finished.steps,
  samples: run.finished.samplesSeen,
});

describe('a run that is interrupted and resumed', () => {
  it.each([
    [5, { devices: 'cpu:3', pipeline: 1, replicas: 3 }],
    [11, { devices: 'cpu:1' }],
    [12, { devices: 'cpu:2', pipeline: 1, replicas: 2 }],
    [25, { devices: 'cpu:3', pipeline: 3, replicas: 1 }],
  ])('at step %i, in other shapes than before, ends with the same bits', async (step, shape) => {
    const run = RunFolder.create(join(folder, `at-${step}`));
    await trainInto(run, { ...CONFIG, devices: 'cpu:2', pipeline: 2 }, { stopAt: step });
    const resumed = await trainInto(run, { ...CONFIG, ...shape }, { resume: true });
    expect(endOf(resumed)).toEqual(endOf(await referenceRun({ ...CONFIG, devices: 'cpu:1' })));
    // The guard may take a freeze back on the way.
    const steps = [...effectiveSteps(new EventFile(run.eventsPath))];
    expect(steps.map((event) => event.step)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const times = [...new EventFile(run.eventsPath)].map(({ time }) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const { wallSeconds, trainSeconds } = summarize(new EventFile(run.eventsPath));
    expect(trainSeconds).toBe(resumed.finished.trainSeconds);
    // The time of the session before is in it.
    expect(wallSeconds).toBeGreaterThan(resumed.finished.wallSeconds);
  });
});

describe('a run that ends with a failure', () => {
  it('leaves what was last put away in memory as a checkpoint, from which it goes on to the same bits', async () => {
    const run = RunFolder.create(join(folder, 'failed'));
    const changes = { ...CONFIG, freeze: 'manual', freezeSchedule: '12:1', maxRestarts: 0 } as const;
    let pid = 0;
    let isKilled = false;
    const harm = (event: RunEventBody): void => {
      if (event.type === 'worker.joined') pid = event.pid;
      // The state was put away when layers froze.
      if (event.type !== 'step' || event.step !== 20 || isKilled) return;
      isKilled = process.kill(pid, 'SIGKILL');
    };
    await expect(trainInto(run, { ...changes, devices: 'cpu:1' }, { onEvent: harm })).rejects.toMatchObject({
      code: 'PT_WORKER_LOST',
    });
    expect(newestResumePoint(run.checkpointsPath).point.manifest.step).toBeGreaterThanOrEqual(12);
    const resumed = await trainInto(run, { ...changes, devices: 'cpu:2', pipeline: 2 }, { resume: true });
    expect(endOf(resumed)).toEqual(endOf(await referenceRun({ ...changes, devices: 'cpu:1' })));
  });
});

describe('a finished run that is to be longer', () => {
  // With states that are no slabs, which go through a checkpoint.
  it('goes on to the bits of a run that was so long from the start, where nothing goes by its length', async () => {
    const run = RunFolder.create(join(folder, 'longer'));
    const changes = {
      ...CONFIG,
      lr: '1e-3',
      freeze: 'manual',
      freezeSchedule: '12:1',
      steps: 10,
      optimizer: 'adafactor',
      ema: 0.9,
    } as const;
    await trainInto(run, { ...changes, devices: 'cpu:2', pipeline: 2 });
    const longer = { ...changes, steps: 20 };
    const resumed = await trainInto(run, { ...longer, devices: 'cpu:1' }, { resume: true });
    expect(endOf(resumed)).toEqual(endOf(await referenceRun({ ...longer, devices: 'cpu:1' })));
    const told = 'the run has 20 steps from here on, it began with 10; it goes on as if it had begun with 20';
    expect(resumed.of('warning').map(({ message }) => message)).toContain(told);
  });
});

describe('a run that gets worse', () => {
  it('stops when its patience is over, and leaves the best checkpoint for those who ask for its result', async () => {
    const run = RunFolder.create(join(folder, 'worse'));
    const changes: Partial<TrainConfigInput> = {
      ...CONFIG,
      ...{ freeze: 'none', evalEvery: '2 steps', lr: 'step < 4 ? 2e-3 : 0.5', optimizer: 'sgd' },
      ...{ checkpointEvery: '2 steps', keep: 1, keepBest: 'loss', patience: 3 },
    };
    const trained = await trainInto(run, { ...changes, devices: 'cpu:2', pipeline: 2 });
    const { finished } = trained;
    const losses = trained.of('evaluation').map(({ loss }) => loss);
    const best = losses.indexOf(Math.min(...losses));
    expect(losses).toHaveLength(best + 1 + 3);
    expect(finished.best).toEqual({ step: 2 * (best + 1), value: losses[best], name: 'loss' });
    expect(trained.of('stopped.early')).toMatchObject([{ step: finished.steps, best: finished.best, since: 3 }]);
    expect(readdirSync(run.checkpointsPath)).toHaveLength(2);
    expect(resultPoint(run.checkpointsPath).point.manifest.step).toBe(2 * (best + 1));
    expect(newestResumePoint(run.checkpointsPath).point.manifest.step).toBe(finished.steps);
  });
});

describe('checkpoints', () => {
  it('are written on the way, and only the newest are kept', async () => {
    const run = RunFolder.create(join(folder, 'kept'));
    // Without the checkpoints of freezes that the guard watches.
    await trainInto(run, { ...CONFIG, steps: 15, checkpointEvery: '5 steps', keep: 2, guard: 'off' });
    expect(readdirSync(run.checkpointsPath).sort()).toEqual(['step-00000010', 'step-00000015']);
  });
  it('that are damaged are refused by name, and the one before is used', async () => {
    const run = RunFolder.create(join(folder, 'damaged'));
    await trainInto(run, { ...CONFIG, steps: 8, checkpointEvery: '4 steps', guard: 'off' });
    const file = join(run.checkpointsPath, 'step-00000008', 'block-0001.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const { point, refused } = newestResumePoint(run.checkpointsPath);
    expect(point.manifest.step).toBe(4);
    expect(refused).toEqual([expect.stringContaining(file)]);
  });
  it('that were never finished do not count', async () => {
    const run = RunFolder.create(join(folder, 'torn'));
    await trainInto(run, { ...CONFIG, steps: 4 });
    const torn = join(run.checkpointsPath, 'step-00000009.partial');
    writeFileSync(torn, 'x');
    expect(newestResumePoint(run.checkpointsPath).point.manifest.step).toBe(4);
    writeFileSync(join(run.checkpointsPath, 'step-00000004', 'checkpoint.json'), '{"format":');
    expect(() => newestResumePoint(run.checkpointsPath)).toThrow(/no checkpoint in .* is whole/);
  });
});
