// Summary: a run in numbers, from its events alone.
import { describe, expect, test } from 'vitest';
import { resultRows } from '../../cli/text/results.js';
import type { RunEvent } from '../../engine/events/events.js';
import { effectiveSteps } from '../../engine/events/steps-that-count.js';
import { summarize } from '../../engine/events/summary.js';
import { sampleRun } from './sample-run.js';

const step = (number: number, more: Partial<Extract<RunEvent, { type: 'step' }>> = {}): RunEvent => ({
  type: 'step',
  time: number,
  step: number,
  epoch: 0,
  loss: 2,
  lr: 1e-3,
  gradNorm: 1,
  samples: 8,
  seconds: 1,
  generation: 0,
  frozen: 0,
  K: 1,
  R: 1,
  cacheHits: 0,
  cacheMisses: 0,
  bubbleShare: 0,
  commShare: 0,
  ...more,
});

describe('a finished run', () => {
  const summary = summarize(sampleRun());

  test('has all that was promised', () => {
    expect(summary).toMatchObject({
      status: 'finished',
      model: 'gpt',
      seed: 1,
      finalLoss: 1.43,
      metric: { name: 'accuracy', value: 0.586 },
      steps: 300,
      samplesSeen: 19_200,
      trainSeconds: 24.5,
      failures: 0,
      weightsSha256: 'ab'.repeat(32),
      lossSha256: 'cd'.repeat(32),
    });
  });

  test('lists its transitions', () => {
    expect(summary.transitions).toEqual([
      { step: 100, from: { K: 2, R: 1 }, to: { K: 2, R: 1 }, frozen: 5, seconds: 0.18 },
      { step: 200, from: { K: 2, R: 1 }, to: { K: 1, R: 2 }, frozen: 9, seconds: 0.18 },
    ]);
  });

  test('counts the cache', () => {
    // Per frozen phase 20 steps of misses and 80 of hits, 64 samples each.
    expect(Object.keys(summary.peakMemory)).toEqual(['w0', 'w1']);
    expect(summary.peakMemory['w0']).toBeGreaterThan(120e6);
    expect(summary.peakMemory['w1']).toBe(80e6);
    expect(summary.cache).toEqual({ hits: 2 * 80 * 64, misses: 2 * 20 * 64, bytes: 20 * 64 * 32_768 });
  });

  test('survives the way through JSON', () => {
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });
});

test('shares are weighted by time, not by steps', () => {
  const { bubbleShare, commShare } = summarize([
    step(0, { seconds: 3, bubbleShare: 0.4, commShare: 0 }),
    step(1, { seconds: 1, bubbleShare: 0, commShare: 0.8 }),
  ]);
  // 3/4 of the time at 0.4, 1/4 at 0.8; one rounding each.
  expect(bubbleShare).toBeCloseTo(0.3, 12);
  expect(commShare).toBeCloseTo(0.2, 12);
});

test('the cache never holds more than its capacity, and a new depth starts empty', () => {
  const on = (capacity: number, recordBytes: number): RunEvent => ({
    type: 'cache.changed',
    time: 0,
    step: 0,
    state: 'on',
    depth: 1,
    recordBytes,
    capacity,
    reason: '',
  });
  const off: RunEvent = {
    type: 'cache.changed',
    time: 0,
    step: 0,
    state: 'off',
    depth: 0,
    recordBytes: 0,
    capacity: 0,
    reason: '',
  };
  const miss = (n: number): RunEvent => step(n, { cacheMisses: 8 });
  expect(summarize([on(10, 100), miss(0), miss(1)]).cache.bytes).toBe(1000);
  expect(summarize([on(100, 10), miss(0), miss(1), on(100, 100), miss(2)]).cache.bytes).toBe(800);
  expect(summarize([on(100, 10), miss(0), off, miss(1)]).cache.bytes).toBe(80);
});

test('a step that was done again counts once, with its last result', () => {
  const events = [
    step(0),
    step(1, { loss: 9 }),
    { type: 'worker.lost', worker: 'w1', reason: 'killed', time: 2 } as const,
    step(1, { loss: 1.5 }),
    step(2),
  ];
  expect([...effectiveSteps(events)].map(({ loss }) => loss)).toEqual([2, 1.5, 2]);
  expect(summarize(events)).toMatchObject({
    steps: 3,
    samplesSeen: 24,
    failures: 1,
    status: 'unfinished',
    finalLoss: 2,
  });
});

test('the training loss is that of the last epoch, each sample counting as much', () => {
  const [start] = sampleRun();
  if (start?.type !== 'run.started') throw new Error('a sample run starts');
  const events: RunEvent[] = [
    { ...start, stepsPerEpoch: 2 },
    step(0, { loss: 9, samples: 8 }),
    step(1, { loss: 9, samples: 2 }),
    step(2, { loss: 1, samples: 8 }),
    step(3, { loss: 6, samples: 2 }),
  ];
  expect(summarize(events)).toMatchObject({
    finalLoss: 6,
    lastEpoch: { loss: 2, steps: 2, samples: 10, samplesOfLastStep: 2 },
  });
  expect(resultRows(summarize(events)).find(([label]) => label === 'training loss')?.[1]).toBe(
    '2.0000 in the last epoch; last step 6.0000 (2 samples)',
  );
});

test('memory is added of workers that were there at one time', () => {
  const lost: RunEvent = { time: 1, type: 'worker.lost', worker: 'w1', reason: 'killed' };
  const { peakMemory, peakTogether } = summarize([
    step(0, { peakMemory: { w0: 10, w1: 30 } }),
    lost,
    step(1, { peakMemory: { w0: 15, w2: 20 } }),
  ]);
  expect(peakMemory).toEqual({ w0: 15, w1: 30, w2: 20 });
  expect(peakTogether).toBe(40);
});

test('looks of the guard that were whole validations are told from those that took time', () => {
  const [start] = sampleRun();
  const validated = {
    time: 1,
    type: 'evaluation',
    step: 10,
    epoch: 1,
    loss: 1,
    metric: 0.5,
    metricName: 'accuracy',
  } as const;
  const looked = { time: 1, type: 'guard.looked', metric: 0.5, metricName: 'accuracy', reason: '' } as const;
  const { guard } = summarize([
    start as RunEvent,
    { ...validated, samples: 100, seconds: 3 },
    { ...looked, step: 10, samples: 100, seconds: 0 },
    { ...looked, step: 15, samples: 20, seconds: 1 },
  ]);
  expect(guard).toMatchObject({ looks: 2, wholeLooks: 1, seconds: 1 });
});

describe('the time of a run that was resumed', () => {
  const [start] = sampleRun();
  const end = sampleRun().at(-1);
  if (start?.type !== 'run.started' || end?.type !== 'run.finished') throw new Error('a sample run is whole');
  const began = (time: number): RunEvent => ({ ...start, time });
  const ended = (time: number, wallSeconds: number, trainSeconds: number): RunEvent => ({
    ...end,
    time,
    wallSeconds,
    trainSeconds,
  });
  const killed = (time: number): RunEvent => ({ type: 'warning', message: 'the last words of a session', time });

  test.each<[string, RunEvent[], number, number]>([
    ['that of all sessions', [began(1), ended(30, 29, 28), began(32), ended(40, 8, 35)], 37, 35],
    ['that of killed ones too', [began(1), killed(30), began(32), killed(36), began(36), ended(40, 4, 35)], 40, 35],
    ['that so far where it still runs', [began(1), ended(30, 29, 28), began(32), step(0), killed(40)], 39, 1],
    ['that of its steps where events were lost', [began(1), killed(2), began(3), ended(9, 6, 35)], 35, 35],
  ])('is %s', (_, events, wallSeconds, trainSeconds) => {
    expect(summarize(events)).toMatchObject({ wallSeconds, trainSeconds });
  });
});

test('no events are a run that has not got far', () => {
  expect(summarize([])).toMatchObject({
    status: 'unfinished',
    steps: 0,
    finalLoss: null,
    metric: null,
    samplesPerSecond: null,
    bubbleShare: 0,
    wallSeconds: 0,
    weightsSha256: null,
  });
});

test('values that JSON cannot hold become null', () => {
  const finished = sampleRun().at(-1) as Extract<RunEvent, { type: 'run.finished' }>;
  // What a reader of events.jsonl gets for NaN.
  const read = JSON.parse(
    JSON.stringify({ ...finished, finalLoss: NaN, metric: { name: 'accuracy', value: NaN } }),
  ) as RunEvent;
  expect(summarize([read])).toMatchObject({ finalLoss: null, metric: null });
});

test('a failed run says so even where it had finished steps', () => {
  expect(summarize([step(0), { type: 'run.failed', time: 1, code: 'PT_X', message: 'x' }]).status).toBe('failed');
});

test('a run that failed once and was taken up again is what it became since', () => {
  const run = sampleRun();
  const [start] = run;
  if (start?.type !== 'run.started') throw new Error('a sample run begins with its start');
  const failure: RunEvent = { type: 'run.failed', time: 9, code: 'PT_SHM_FULL', message: 'full' };
  expect(summarize([start, failure]).status).toBe('failed');
  expect(summarize([start, failure, ...run]).status).toBe('finished');
  expect(
    summarize([
      start,
      failure,
      ...run.map((event) => (event.type === 'run.finished' ? { ...event, isInterrupted: true } : event)),
    ]).status,
  ).toBe('interrupted');
  expect(summarize([...run, start]).status).toBe('unfinished');
});
