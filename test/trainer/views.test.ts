// Random augmentation in real runs: the same bits for every shape; with fixed views frozen activations are cached, view
// by view.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { checkLedger } from '../../engine/events/ledger.js';
import { summarize } from '../../engine/events/summary.js';
import { hashesOf, referenceRun, timed, type TrainedRun, trainRun } from './train-run.js';

/** Five steps per epoch, six epochs; the lower of two layers is frozen from the start. */
const AUGMENTED: Partial<TrainConfigInput> = {
  augment: 'shift',
  augmentPixels: 3,
  steps: 30,
  freeze: 'manual',
  freezeSchedule: '0:1',
  evalEvery: '2 epochs',
};
const VIEWS = { ...AUGMENTED, views: 2 };

const cacheOf = (run: TrainedRun): { state: string; reason: string } | undefined => run.of('cache.changed').at(-1);

describe('a run with augmentation', () => {
  const one = () => referenceRun({ ...VIEWS, verifyCache: true });

  it('with fixed views caches them: two epochs fill, four read', async () => {
    const run = await one();
    expect(cacheOf(run)).toMatchObject({ state: 'on' });
    const { hits, misses } = summarize(timed(run)).cache;
    expect({ hits, misses }).toEqual({ hits: 4 * 80, misses: 2 * 80 });
  });
  it.each([
    ['2 stages', { devices: 'cpu:2', pipeline: 2 }],
    ['2 replicas', { devices: 'cpu:2', pipeline: 1, replicas: 2 }],
    ['no cache', { cache: 'off' }],
  ] as [string, Partial<TrainConfigInput>][])('gives the same bits with %s', async (_, shape) => {
    expect(hashesOf(await trainRun({ ...VIEWS, ...shape }))).toEqual(hashesOf(await one()));
  });
  it('gives the same bits when a worker is killed while it fills the cache', async () => {
    let pid: number | undefined;
    const run = await trainRun({ ...VIEWS, devices: 'cpu:2', pipeline: 1, replicas: 2, verifyCache: true }, (event) => {
      if (event.type === 'worker.joined' && event.worker === 'w1') pid ??= event.pid;
      if (event.type !== 'step' || event.step !== 6 || pid === undefined) return;
      process.kill(pid, 'SIGKILL');
      pid = undefined;
    });
    expect(run.of('worker.lost')).toHaveLength(1);
    expect(hashesOf(run)).toEqual(hashesOf(await one()));
  });
  it('accounts for every sample of every epoch', async () => {
    for (const { name, problem } of checkLedger(timed(await one()), true))
      expect(`${name}: ${problem ?? 'fine'}`).toBe(`${name}: fine`);
  });
  it('without fixed views has no cache and says why; the result is that of a view per epoch', async () => {
    const run = await trainRun(AUGMENTED);
    expect(cacheOf(run)).toMatchObject({ state: 'off', reason: expect.stringContaining('--views K') as string });
    expect(hashesOf(run)).toEqual(hashesOf(await trainRun({ ...AUGMENTED, views: 6 })));
    expect(hashesOf(run)).not.toEqual(hashesOf(await one()));
  });
});
