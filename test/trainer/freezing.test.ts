// Freezing in real runs: the guard takes a harmful freeze back, and the run is then, to the bit, one that never froze;
// and annealing is as exact.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { effectiveSteps } from '../../engine/events/steps-that-count.js';
import { summarize } from '../../engine/events/summary.js';
import { replayFreezing } from '../../engine/freezing/freeze-replay.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { realData } from '../real-data.js';
import { scratch } from '../scratch.js';
import { trainInto } from './run-on-disk.js';
import { hashesOf, referenceRun, timed, TINY, trainRun } from './train-run.js';

let folder = '';
beforeAll(() => {
  folder = scratch();
});

/** Everything but the head is frozen when little is learnt yet: the loss falls by a third of what it would. */
const HARMFUL: Partial<TrainConfigInput> = {
  model: 'gpt',
  modelOptions: { layers: 3, width: 16, heads: 2 },
  data: `text:${realData ?? ''}/tinyshakespeare.txt`,
  dataOptions: { maxBytes: 40_000, sequence: 32, tokenizer: 'chars' },
  steps: 75,
  batch: 32,
  microBatch: 8,
  lr: '6e-3',
  seed: 2,
  freeze: 'manual',
  freezeSchedule: '30:3',
  freezeMax: 3,
  freezeInterval: '15 steps',
  guard: 'on',
  guardEvery: '15 steps',
  guardSamples: 124,
  guardCooldown: 'never',
};

describe.skipIf(realData === null)('a harmful freeze on real text', () => {
  it('that was to begin at step 0 begins when the guard has looked, and is watched as any other', async () => {
    const run = await trainRun({
      ...HARMFUL,
      freezeSchedule: '0:3',
      guardEvery: '30 steps',
      devices: 'cpu:2',
      pipeline: 2,
    });
    expect(run.of('freeze.decided').map(({ step, toLayers }) => [step, toLayers])).toEqual([[30, 3]]);
    const watched = run.of('guard.looked').filter(({ watching }) => watching === 30);
    expect(watched.map(({ step }) => step)).toEqual([60]);
  });
  const never = () => referenceRun({ ...HARMFUL, freeze: 'none', devices: 'cpu:1' });
  const guarded = () => referenceRun({ ...HARMFUL, devices: 'cpu:2', pipeline: 2 });

  it('is rolled back to the step before it, with the numbers that led to it', async () => {
    const run = await guarded();
    expect(run.of('freeze.decided').map(({ step, toLayers }) => ({ step, toLayers }))).toEqual([
      { step: 30, toLayers: 3 },
    ]);
    expect(run.of('freeze.rolledBack')).toMatchObject([
      {
        step: 60,
        toStep: 30,
        fromLayers: 3,
        toLayers: 0,
        toBlocks: 0,
        reason: expect.stringMatching(/at step 60, compared with .* at step 30 and .*could be expected/) as string,
      },
    ]);
    expect(
      run
        .of('guard.looked')
        .filter(({ hurts }) => hurts !== undefined)
        .map(({ step, watching, hurts }) => ({ step, watching, hurts })),
    ).toEqual([
      { step: 45, watching: 30, hurts: false },
      { step: 60, watching: 30, hurts: true },
    ]);
  });
  it('lets the pipeline grow again', async () => {
    expect(
      (await guarded()).of('transition').map(({ from, to, frozen }) => `${from.K}x${from.R} ${to.K}x${to.R} ${frozen}`),
    ).toEqual(['2x1 1x2 7', '1x2 2x1 0']);
  });
  it('costs time and nothing else: the result is that of a run that never froze', async () => {
    expect(hashesOf(await guarded())).toEqual(hashesOf(await never()));
  });
  it.each([
    ['one worker', { devices: 'cpu:1' }],
    ['2 replicas', { devices: 'cpu:2', pipeline: 1, replicas: 2 }],
  ] as [string, Partial<TrainConfigInput>][])('is rolled back to the same bits on %s', async (_, shape) => {
    const run = await trainRun({ ...HARMFUL, ...shape });
    expect(run.of('freeze.rolledBack')).toHaveLength(1);
    expect(hashesOf(run)).toEqual(hashesOf(await never()));
  });
  it('is counted in the summary, and steps that were undone do not count', async () => {
    const events = timed(await guarded());
    expect(summarize(events).guard).toMatchObject({
      rollbacks: 1,
      stepsAgain: 30,
      looks: (await guarded()).of('guard.looked').length,
    });
    expect([...effectiveSteps(events)].map(({ step, frozen }) => ({ step, frozen }))).toEqual(
      Array.from({ length: 75 }, (_, step) => ({ step, frozen: 0 })),
    );
  });
  it('is rolled back all the same when a worker is killed while the guard watches', async () => {
    const pids = new Map<string, number>();
    const run = await trainRun({ ...HARMFUL, devices: 'cpu:2', pipeline: 2 }, (event) => {
      if (event.type === 'worker.joined') pids.set(event.worker, event.pid);
      if (event.type === 'step' && event.step === 38 && pids.has('w0')) {
        process.kill(pids.get('w0') as number, 'SIGKILL');
        pids.delete('w0');
      }
    });
    expect(run.of('worker.lost')).toHaveLength(1);
    expect(run.of('freeze.rolledBack').at(-1)).toMatchObject({ toStep: 30, toLayers: 0 });
    expect(hashesOf(run)).toEqual(hashesOf(await never()));
  });
  it.each([
    ['while the guard watches', 37, 1],
    ['after it was rolled back', 40, 2],
  ])(
    'is rolled back all the same when the run is interrupted %s and resumed in another shape',
    async (name, stopAt, stopAtTime) => {
      const run = RunFolder.create(join(folder, name));
      const pipeline = { ...HARMFUL, devices: 'cpu:2', pipeline: 2 };
      const first = await trainInto(run, pipeline, { stopAt, stopAtTime });
      expect(first.finished.isInterrupted).toBe(true);
      const replicas = { ...HARMFUL, devices: 'cpu:2', pipeline: 1, replicas: 2 };
      const rest = await trainInto(run, replicas, { resume: true });
      expect([...first.of('freeze.rolledBack'), ...rest.of('freeze.rolledBack')]).toHaveLength(1);
      expect(hashesOf(rest)).toEqual(hashesOf(await never()));
      expect(readdirSync(run.checkpointsPath).at(-1)).toBe('step-00000075');
    },
  );
  it('was decided as its policy decides again from the events', async () => {
    const run = await guarded();
    const replay = replayFreezing(timed(run), trainConfigSchema.parse({ ...TINY, ...HARMFUL }), {
      name: 'manual',
    });
    expect(replay.isOwn).toBe(true);
    expect(replay.decisions).toEqual(
      run
        .of('freeze.decided')
        .map(({ step, fromLayers, wantedLayers, reason }) => ({ step, fromLayers, toLayers: wantedLayers, reason })),
    );
  });
});

describe('policies in a run', () => {
  const layered: Partial<TrainConfigInput> = {
    modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
    steps: 24,
    freezeInterval: '4 steps',
    guardEvery: '2 steps',
    guardTolerance: 100,
  };

  it.each(['paper', 'alpha', 'change', 'anneal'] as const)(
    '%s decides again from the events what it decided',
    async (freeze) => {
      const run = await trainRun({ ...layered, freeze });
      const replay = replayFreezing(timed(run), trainConfigSchema.parse({ ...TINY, ...layered, freeze }), {
        name: freeze,
      });
      expect(replay.decisions.length).toBeGreaterThan(0);
      expect(replay.isOwn).toBe(true);
      expect(replay.decisions).toEqual(
        run
          .of('freeze.decided')
          .map(({ step, fromLayers, wantedLayers, reason }) => ({ step, fromLayers, toLayers: wantedLayers, reason })),
      );
      for (const { fromLayers, toLayers, reason } of run.of('freeze.decided')) {
        expect(toLayers).toBeGreaterThanOrEqual(fromLayers);
        expect(reason).not.toBe('');
      }
    },
  );
  it(
    'the automatic one leaves a run from scratch alone: no decision, no look of the guard, the bits of a run ' +
      'that freezes nothing',
    async () => {
      const unsaid: Partial<TrainConfigInput> = layered;
      const run = await trainRun(unsaid);
      expect([run.of('freeze.decided'), run.of('guard.looked')]).toEqual([[], []]);
      expect(hashesOf(run)).toEqual(hashesOf(await referenceRun({ ...layered, freeze: 'none' })));
      expect(
        replayFreezing(timed(run), trainConfigSchema.parse({ ...TINY, ...unsaid }), { name: 'auto' }).decisions,
      ).toEqual([]);
    },
  );
  it(
    'on few samples has the guard look at the whole validations that there are, no oftener than a tenth of ' +
      'the run',
    async () => {
      const run = await trainRun({ ...layered, freeze: 'alpha', guardEvery: undefined, evalEvery: '2 steps' });
      const validations = new Map(run.of('evaluation').map(({ step, metric, samples }) => [step, { metric, samples }]));
      const looks = run.of('guard.looked');
      // A tenth of the run is 2 steps, half of an epoch 3: every validation is a look.
      expect(looks.length).toBeGreaterThan(2);
      expect(looks.every(({ step }) => step > 0 && step % 2 === 0)).toBe(true);
      for (const { step, metric, samples } of looks) expect({ metric, samples }).toEqual(validations.get(step));
    },
  );
  it('a run that froze nothing tells what another policy would have done', async () => {
    const events = timed(await referenceRun({ ...layered, freeze: 'none' }));
    const alpha = await trainRun({ ...layered, freeze: 'alpha', guard: 'off' });
    const config = trainConfigSchema.parse({ ...TINY, ...layered, freeze: 'none' });
    // The bound looks at no gradient: what it would have done is what it does.
    expect(replayFreezing(events, config, { name: 'alpha' }).decisions).toEqual(
      alpha
        .of('freeze.decided')
        .map(({ step, fromLayers, toLayers, reason }) => ({ step, fromLayers, toLayers, reason })),
    );
    expect(replayFreezing(events, config, { name: 'alpha', alpha: 0.01 }).decisions.at(-1)?.toLayers).toBe(1);
    expect(
      replayFreezing(events, config, { name: 'manual', schedule: '7:1,9:2' }).decisions.map(
        ({ step, toLayers }) => `${step}:${toLayers}`,
      ),
    ).toEqual(['7:1', '9:2']);
  });
  it(
    'a schedule that begins at step 0 freezes before the first step: one plan, no transition, in every shape ' +
      'the same bits',
    async () => {
      const early: Partial<TrainConfigInput> = { ...layered, freeze: 'manual', freezeSchedule: '0:1,12:2' };
      const one = await trainRun({ ...early, devices: 'cpu:1' });
      expect(one.of('plan.made').map(({ generation, frozenLayers }) => `${generation}:${frozenLayers}`)).toEqual([
        '0:1',
        '1:2',
      ]);
      expect(one.of('step')[0]?.frozen).toBe(one.of('freeze.decided')[0]?.toBlocks);
      const replay = replayFreezing(timed(one), trainConfigSchema.parse({ ...TINY, ...early }), {
        name: 'manual',
      });
      expect(replay.decisions.map(({ step, toLayers }) => `${step}:${toLayers}`)).toEqual(['0:1', '12:2']);
      expect(
        replayFreezing(timed(one), trainConfigSchema.parse({ ...TINY, ...early }), {
          name: 'manual',
          schedule: '0:1,12:2,20:2',
        }).decisions.map(({ step, toLayers }) => `${step}:${toLayers}`),
      ).toEqual(['0:1', '12:2']);
      expect(hashesOf(await trainRun({ ...early, devices: 'cpu:2', pipeline: 2 }))).toEqual(hashesOf(one));
      expect(hashesOf(await trainRun({ ...early, devices: 'cpu:2', pipeline: 1, replicas: 2 }))).toEqual(hashesOf(one));
    },
  );
  it('annealing freezes each layer when its own learning rate is zero, to the same bits in every shape', async () => {
    const anneal: Partial<TrainConfigInput> = { ...layered, freeze: 'anneal', freezeStart: 0.5 };
    const one = await trainRun({ ...anneal, devices: 'cpu:1' });
    expect(one.of('freeze.decided').map(({ step, toLayers }) => `${step}:${toLayers}`)).toEqual(['12:1', '18:2']);
    expect(hashesOf(await trainRun({ ...anneal, devices: 'cpu:2', pipeline: 2 }))).toEqual(hashesOf(one));
    expect(hashesOf(await trainRun({ ...anneal, devices: 'cpu:2', pipeline: 1, replicas: 2 }))).toEqual(hashesOf(one));
  });
});
