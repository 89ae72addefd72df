// A model that grows while it trains: the same bits in every shape, through losses and resumes before, at and after the
// growth, with real worker processes.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { replayGrowth } from '../../engine/growing/grow-replay.js';
import { evaluateCheckpoint } from '../../engine/inference/evaluate.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { scratch } from '../scratch.js';
import { trainInto } from './run-on-disk.js';
import { hashesOf, referenceRun, timed, TINY, trainRun } from './train-run.js';

/** Two layers become four at step 6; then the first two freeze. */
const GROWS: Partial<TrainConfigInput> = {
  modelOptions: { layers: 4, width: 16, heads: 2, patch: 8 },
  grow: '0:2,6:4',
  growBy: 'stack',
  freeze: 'manual',
  freezeSchedule: '9:2',
};
const reference = () => referenceRun({ ...GROWS, devices: 'cpu:1' });

/** Kills the worker that joined second when `isTime` says so for the first time. */
function killOnce(isTime: (event: RunEventBody) => boolean): (event: RunEventBody) => void {
  const pids: number[] = [];
  let isDone = false;
  return (event) => {
    if (event.type === 'worker.joined') pids.push(event.pid);
    if (isDone || !isTime(event)) return;
    isDone = true;
    process.kill(pids[1] as number, 'SIGKILL');
  };
}

describe('a model that grows and then freezes', () => {
  it('tells when and how, and has fewer blocks until then', async () => {
    const run = await reference();
    expect(run.of('grow.decided')).toMatchObject([
      {
        step: 6,
        fromLayers: 2,
        toLayers: 4,
        born: [
          { layer: 2, like: 0 },
          { layer: 3, like: 1 },
        ],
      },
    ]);
    expect(run.of('plan.made').map(({ absent, born, frozen }) => [absent, born, frozen])).toEqual([
      [[5, 6, 7, 8], [], 0],
      [[], [5, 6, 7, 8], 0],
      [undefined, undefined, 5],
    ]);
    // Every interval of the whole model, and none of the small one.
    expect(run.of('freeze.signals').every(({ step }) => step > 6)).toBe(true);
  });

  it('as 2 replicas, one of them killed while it grows', async () => {
    const onEvent = killOnce(({ type }) => type === 'grow.decided');
    const run = await trainRun({ ...GROWS, devices: 'cpu:2', pipeline: 1, replicas: 2 }, onEvent);
    expect(run.of('recovered')).toHaveLength(1);
    expect(hashesOf(run)).toEqual(hashesOf(await reference()));
  });

  it('as a pipeline that is stopped before, right at and after the growth, and resumed in other shapes', async () => {
    const folder = RunFolder.create(join(scratch(), 'run'));
    const small = await trainInto(folder, { ...GROWS, devices: 'cpu:2', pipeline: 2 }, { stopAt: 3 });
    const { point } = newestResumePoint(folder.checkpointsPath);
    expect(point.manifest.files.map(({ block }) => block)).toEqual([0, 1, 2, 3, 4, 9]);
    // One process, from the checkpoint of the small model.
    const evaluation = await evaluateCheckpoint(point, trainConfigSchema.parse({ ...TINY, ...GROWS }));
    expect(evaluation.metric.value).toBe(small.finished.metric.value);
    await trainInto(folder, { ...GROWS, devices: 'cpu:2', replicas: 2 }, { resume: true, stopAt: 5 });
    await trainInto(folder, { ...GROWS, devices: 'cpu:1' }, { resume: true, stopAt: 7 });
    const run = await trainInto(folder, { ...GROWS, devices: 'cpu:2', pipeline: 2 }, { resume: true });
    expect(hashesOf(run)).toEqual(hashesOf(await reference()));
  });
});

describe.each(['interleave', 'identity'] as const)('growing twice by itself, by %s', (growBy) => {
  const twice = { ...GROWS, freeze: 'none', grow: 'auto', growFrom: 1, growBy } as const;
  const whole = () => referenceRun({ ...twice, devices: 'cpu:1' });
  it('gives the same bits to a pipeline that loses a worker after the first growth', async () => {
    const onEvent = killOnce((event) => event.type === 'step' && event.step === 3);
    const run = await trainRun({ ...twice, devices: 'cpu:2', pipeline: 2 }, onEvent);
    expect(run.of('recovered')).toHaveLength(1);
    expect(hashesOf(run)).toEqual(hashesOf(await whole()));
  });
  it('is decided again by its events', async () => {
    const run = await whole();
    const config = trainConfigSchema.parse({ ...TINY, ...twice });
    const { isOwn, decisions } = replayGrowth(timed(run), config, 'auto');
    const taken = run
      .of('grow.decided')
      .map(({ step, fromLayers, toLayers, reason }) => ({ step, fromLayers, toLayers, reason }));
    expect(isOwn).toBe(true);
    expect(decisions).toEqual(taken);
    expect(taken.filter(({ fromLayers, toLayers }) => fromLayers < toLayers)).toHaveLength(2);
    expect(replayGrowth(timed(run), config, '0:1,2:4').decisions).toMatchObject([{ step: 2, toLayers: 4 }]);
  });
});
