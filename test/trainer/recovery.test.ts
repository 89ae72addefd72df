// A run that loses workers is the run that was never disturbed: equal hashes, with real processes that are really
// killed, stopped or cut off.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { scratchWith } from '../scratch.js';
import { hashesOf, referenceRun, trainRun } from './train-run.js';

const LONG: Partial<TrainConfigInput> = { steps: 100, evalEvery: '25 steps' };

/** Does something to worker `index` (in the order of joining) when step `step` is first done. */
function onStep(step: number, harm: (pidOf: (index: number) => number) => void): (event: RunEventBody) => void {
  const pids: number[] = [];
  let isDone = false;
  return (event) => {
    if (event.type === 'worker.joined') pids.push(event.pid);
    if (event.type !== 'step' || event.step !== step || isDone) return;
    isDone = true;
    harm((index) => pids[index] as number);
  };
}
const kill =
  (index: number, signal: NodeJS.Signals = 'SIGKILL') =>
  (pidOf: (index: number) => number): void =>
    void process.kill(pidOf(index), signal);

describe('a run whose worker is lost', () => {
  const undisturbed = () => referenceRun({ ...LONG, devices: 'cpu:1' });

  const cases: [
    name: string,
    changes: Partial<TrainConfigInput>,
    harm: (event: RunEventBody) => void,
    workers: number,
  ][] = [
    ['replaces the first stage of a pipeline', { devices: 'cpu:2', pipeline: 2 }, onStep(20, kill(0)), 2],
    ['replaces a stage that is lost at the first step', { devices: 'cpu:2', pipeline: 2 }, onStep(0, kill(1)), 2],
    ['replaces the last stage of a pipeline', { devices: 'cpu:2', pipeline: 2 }, onStep(20, kill(1)), 2],
    ['replaces a replica', { devices: 'cpu:2', pipeline: 1, replicas: 2 }, onStep(40, kill(1)), 2],
    [
      'goes on with the replica that is left',
      { devices: 'cpu:2', pipeline: 1, replicas: 2, maxRestarts: 0 },
      onStep(40, kill(0)),
      1,
    ],
    [
      'goes on as one stage when half of a pipeline is lost',
      { devices: 'cpu:2', pipeline: 2, maxRestarts: 0 },
      onStep(77, kill(1)),
      1,
    ],
    [
      'goes on with an uneven number of workers',
      { devices: 'cpu:4', pipeline: 2, replicas: 2, maxRestarts: 0 },
      onStep(30, kill(2)),
      3,
    ],
    [
      'survives the loss of all workers at once',
      { devices: 'cpu:2', pipeline: 2 },
      onStep(30, (pidOf) => [0, 1].forEach((index) => kill(index)(pidOf))),
      2,
    ],
    [
      'notices one that hangs',
      { devices: 'cpu:2', pipeline: 2, stepTimeoutSeconds: 2 },
      onStep(20, kill(1, 'SIGSTOP')),
      2,
    ],
  ];
  it.each(cases)('%s, and ends with the bits of the undisturbed run', async (_, changes, harm, workers) => {
    const run = await trainRun({ ...LONG, ...changes }, harm);
    const [recovered, ...more] = run.of('recovered');
    expect(more).toEqual([]);
    expect(recovered?.workers).toBe(workers);
    expect(run.of('worker.lost').length).toBeGreaterThan(0);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed()));
    expect(run.of('evaluation').at(-1)?.metric).toBe((await undisturbed()).of('evaluation').at(-1)?.metric);
  });

  it('replaces no worker where the data changed since the run read them', async () => {
    const data = join(scratchWith({ 'text.txt': 'to be or not to be\n'.repeat(200) }), 'text.txt');
    const changes = {
      model: 'gpt',
      modelOptions: { layers: 1, width: 8, heads: 1 },
      data: `text:${data}`,
      dataOptions: { sequence: 16 },
    };
    const harm = onStep(20, (pidOf) => {
      writeFileSync(data, 'to be or not to eat\n'.repeat(200));
      kill(0)(pidOf);
    });
    await expect(trainRun({ ...LONG, ...changes, devices: 'cpu:1' }, harm)).rejects.toMatchObject({
      code: 'PT_JOIN_MISMATCH',
      message: expect.stringMatching(/the data text:.* is another one than the run's/) as string,
    });
  });

  it('does again every step since the snapshot and no other, each with the loss it had before', async () => {
    // A snapshot on the way is due after a second; ten steps later it is whole.
    const stop = new AbortController();
    let pid = 0;
    let began = 0;
    let stepsToLoss = 10;
    let highest = -1;
    let isRecovered = false;
    const run = await trainRun(
      { steps: 100_000, devices: 'cpu:2', pipeline: 2 },
      (event) => {
        if (event.type === 'worker.joined') pid ||= event.pid;
        if (event.type === 'recovered') isRecovered = true;
        if (event.type !== 'step') return;
        began ||= performance.now();
        if (performance.now() > began + 1100 && stepsToLoss-- === 0) process.kill(pid, 'SIGKILL');
        if (!isRecovered) highest = event.step;
        // Until it has done again what was lost, and some more.
        else if (event.step >= highest + 3) stop.abort();
      },
      stop.signal,
    );
    const losses = new Map<number, number>();
    for (const { step, loss } of run.of('step')) {
      expect(losses.get(step) ?? loss).toBe(loss);
      losses.set(step, loss);
    }
    expect([...losses.keys()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: run.finished.steps }, (_, step) => step),
    );
    const [recovered] = run.of('recovered');
    expect(recovered?.fromStep).toBeGreaterThan(0);
    expect(recovered?.fromStep).toBeLessThanOrEqual(recovered?.step ?? -1);
  });
});

describe('losses around freezing', () => {
  const frozen: Partial<TrainConfigInput> = {
    ...LONG,
    modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
    freeze: 'manual',
    freezeSchedule: '40:1,70:2',
    freezeMax: 2,
  };
  const undisturbed = () => referenceRun({ ...frozen, devices: 'cpu:1' });
  it.each([39, 40, 55, 69, 71])('a worker killed at step %i changes no bit', async (step) => {
    const run = await trainRun({ ...frozen, devices: 'cpu:2', pipeline: 2 }, onStep(step, kill(1)));
    expect(run.of('recovered')).toHaveLength(1);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed()));
  });
  it('the paper policy decides the same after a recovery, because its signals go back with the state', async () => {
    const paper: Partial<TrainConfigInput> = {
      ...frozen,
      freeze: 'paper',
      freezeAlpha: 0.3,
      freezeInterval: '25 steps',
      freezeSchedule: '',
    };
    const calm = await trainRun({ ...paper, devices: 'cpu:1' });
    const stormy = await trainRun({ ...paper, devices: 'cpu:2', pipeline: 2 }, onStep(20, kill(0)));
    expect(stormy.of('recovered')).toHaveLength(1);
    expect(hashesOf(stormy)).toEqual(hashesOf(calm));
    expect(calm.of('freeze.decided').length).toBeGreaterThan(0);
    expect(stormy.of('freeze.decided').at(-1)).toEqual(calm.of('freeze.decided').at(-1));
  });
});
