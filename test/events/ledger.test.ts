// Every step once, every sample of every epoch once: the events of a run that was disturbed in every way add up, and
// events that were tampered with do not.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Manifest, manifestText } from '../../engine/checkpoint/manifest.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { Sampler } from '../../engine/data/sampler.js';
import { EventFile } from '../../engine/events/event-file.js';
import type { RunEvent } from '../../engine/events/events.js';
import { type Check, checkLedger } from '../../engine/events/ledger.js';
import { digestOfIds } from '../../engine/events/sample-share.js';
import { summarize } from '../../engine/events/summary.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { verifyRun } from '../../engine/verify/verify-run.js';
import { scratch } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';

// 95 training samples are 6 steps an epoch, the last one short: 28 steps are four whole epochs and the beginning of a
// fifth.
const CONFIG: Partial<TrainConfigInput> = {
  modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
  dataOptions: { samples: 118 },
  steps: 28,
  freeze: 'manual',
  freezeSchedule: '6:1,18:2',
  checkpointEvery: '7 steps',
  keep: 2,
};

let folder = '';
let run: RunFolder;
let events: RunEvent[] = [];
beforeAll(async () => {
  folder = scratch();
  run = RunFolder.create(join(folder, 'run'));
  let pid = 0;
  let isKilled = false;
  await trainInto(
    run,
    { ...CONFIG, devices: 'cpu:2', pipeline: 2 },
    {
      stopAt: 14,
      onEvent: (event) => {
        if (event.type === 'worker.joined') pid = event.pid;
        if (event.type !== 'step' || event.step !== 4 || isKilled) return;
        isKilled = true;
        process.kill(pid, 'SIGKILL');
      },
    },
  );
  await trainInto(run, { ...CONFIG, devices: 'cpu:3', pipeline: 1, replicas: 3 }, { resume: true });
  events = [...new EventFile(run.eventsPath)];
  run.writeSummary(summarize(events));
});

const broken = (checks: readonly Check[]): string[] =>
  checks.flatMap(({ name, problem }) => (problem === null ? [] : [`${name}: ${problem}`]));

describe('a run that lost a worker, changed its shape, was stopped and resumed elsewhere', () => {
  it('adds up', () => {
    expect(events.filter(({ type }) => type === 'recovered')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'resumed')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'transition').length).toBeGreaterThan(1);
    const checks = verifyRun(run);
    expect(broken(checks)).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual([
      'steps',
      'samples',
      'losses',
      'transitions',
      'checkpoints',
      'summary',
    ]);
    expect(checks[1]?.scope).toBe('444 samples; each of 95 once in 4 whole epochs, and 64 of them once in the next');
  });

  it('marks the steps that were done again, and only those', () => {
    let highest = -1;
    for (const event of events) {
      if (event.type === 'run.started') highest = -1;
      if (event.type !== 'step') continue;
      expect(event.replay ?? false).toBe(event.step <= highest);
      highest = Math.max(highest, event.step);
    }
  });
});

type Step = Extract<RunEvent, { type: 'step' }>;
/** Ways to tamper with step `n` (counted over all steps done) of a list of events. */
const TAMPER: Readonly<Record<string, (list: RunEvent[], at: number, step: Step) => void>> = {
  'drop a step': (list, at) => void list.splice(at, 1),
  'double a step': (list, at, step) => void list.splice(at, 0, step),
  'double a step, marked as done again': (list, at, step) => void list.splice(at + 1, 0, { ...step, replay: true }),
  'swap a sample for another': (list, at, step) => {
    const [share, ...rest] = step.shares ?? [];
    if (share === undefined) return;
    const ids = [
      ...new Sampler({ numTrain: 95, batch: 16, seed: 1 }).orderOf(step.epoch).subarray(share.from, share.to),
    ];
    expect(digestOfIds(ids)).toBe(share.digest);
    ids[0] = ((ids[0] as number) + 1) % 95;
    list[at] = { ...step, shares: [{ ...share, digest: digestOfIds(ids) }, ...rest] };
  },
  'leave out the last sample': (list, at, step) => {
    const shares = step.shares ?? [];
    const last = shares.at(-1) as (typeof shares)[number];
    list[at] = { ...step, samples: step.samples - 1, shares: [...shares.slice(0, -1), { ...last, to: last.to - 1 }] };
  },
  'let a replica begin one sample early': (list, at, step) =>
    void (list[at] = { ...step, shares: (step.shares ?? []).map((share) => ({ ...share, from: share.from - 1 })) }),
  'leave out a replica': (list, at, step) => void (list[at] = { ...step, shares: (step.shares ?? []).slice(1) }),
  'count a sample too many': (list, at, step) => void (list[at] = { ...step, samples: step.samples + 1 }),
  'change a loss by the smallest amount': (list, at, step) =>
    void (list[at] = { ...step, loss: Math.fround(step.loss * (1 + 2 ** -23)) }),
  'move it to another epoch': (list, at, step) => void (list[at] = { ...step, epoch: step.epoch + 1 }),
  'turn the mark "done again" round': (list, at, step) => void (list[at] = { ...step, replay: step.replay !== true }),
  'let it run under another plan': (list, at, step) => void (list[at] = { ...step, generation: step.generation + 1 }),
  'give it another shape': (list, at, step) => void (list[at] = { ...step, K: step.K + 1 }),
};

describe('events that were tampered with', () => {
  it('do not add up, whatever was done to whichever step', () => {
    const places = events.flatMap(({ type }, at) => (type === 'step' ? [at] : []));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(TAMPER)), fc.nat(places.length - 1), (how, n) => {
        const list = [...events];
        const at = places[n] as number;
        TAMPER[how]?.(list, at, events[at] as Step);
        expect(broken(checkLedger(list, true)), how).not.toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it.each(['recovered', 'resumed', 'plan.made', 'worker.joined', 'worker.lost'] as const)(
    'do not add up without any of the events "%s"',
    (type) => {
      const places = events.flatMap((event, at) => (event.type === type ? [at] : []));
      expect(places.length).toBeGreaterThan(0);
      for (const at of places)
        expect(
          broken(
            checkLedger(
              events.filter((_, i) => i !== at),
              true,
            ),
          ),
        ).not.toEqual([]);
    },
  );

  it('are told by the first step or sample that is wrong', () => {
    const without = (step: number): RunEvent[] =>
      events.filter((event) => event.type !== 'step' || event.step !== step);
    expect(broken(checkLedger(without(20), true))[0]).toBe('steps: step 20 is missing: step 21 follows on step 19');
    const at = events.findIndex((event) => event.type === 'step' && event.step === 17);
    const list = [...events];
    const step = list[at] as Step;
    TAMPER['leave out the last sample']?.(list, at, step);
    expect(broken(checkLedger(list, true))[0]).toMatch(
      /^samples: step 17 \(epoch 2\): replica 2 used other samples than those at places \d+ to 94 of the epoch/,
    );
  });
});

/** The manifest with the digest of what it says now. */
function sealed(text: string): string {
  const { format: _format, digest: _digest, seal: _seal, ...body } = JSON.parse(text) as Manifest;
  return manifestText(body, null);
}

describe('a run folder that was tampered with', () => {
  const withChanged = (path: string, change: (text: string) => string, look: (problems: string[]) => void): void => {
    const before = readFileSync(path);
    writeFileSync(path, change(before.toString()));
    try {
      look(broken(verifyRun(run)));
    } finally {
      writeFileSync(path, before);
    }
  };
  const newest = (name: string): string => join(run.checkpointsPath, 'step-00000028', name);

  it('is told by the file: a damaged block, a manifest with another loss, another digest in the summary', () => {
    const block = newest('block-0002.safetensors');
    const bytes = readFileSync(block);
    appendFileSync(block, 'x');
    expect(broken(verifyRun(run))).toEqual([expect.stringContaining(block)]);
    writeFileSync(block, bytes);
    withChanged(
      newest('checkpoint.json'),
      (text) => sealed(text.replace(/"chain":"./, '"chain":"0')),
      (problems) =>
        expect(problems).toEqual([
          expect.stringMatching(/step-00000028 says that the losses of its 28 steps have the digest/),
        ]),
    );
    withChanged(
      newest('checkpoint.json'),
      (text) => text.replace(/"seed":./, '"seed":9'),
      (problems) => expect(problems).toEqual([expect.stringContaining('it was damaged, or edited')]),
    );
    withChanged(
      newest('cache.json'),
      (text) => `${text} `,
      (problems) => expect(problems).toEqual([expect.stringContaining('cache.json')]),
    );
    withChanged(
      run.summaryPath,
      (text) => text.replace(/"lossSha256": "./, '"lossSha256": "x'),
      (problems) => expect(problems).toEqual([expect.stringContaining('lossSha256')]),
    );
    expect(broken(verifyRun(run))).toEqual([]);
  });

  it('is told when its newest checkpoint is gone', () => {
    const path = join(run.checkpointsPath, 'step-00000028');
    const events = readFileSync(run.eventsPath, 'utf8');
    writeFileSync(run.eventsPath, events.replaceAll('step-00000028', 'step-00000035'));
    expect(broken(verifyRun(run))).toEqual([expect.stringContaining('step-00000035 is missing')]);
    writeFileSync(run.eventsPath, events);
    expect(path).toContain('28');
  });
});
