// The commands on a run that is over: report, eval, compare, verify, export. The engine is a stand-in.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../cli/program.js';
import type { CliServices } from '../../cli/session/services.js';
import type { ExportedWeights } from '../../engine/checkpoint/export-weights.js';
import { type RunEvent } from '../../engine/events/events.js';
import type { TrialResult } from '../../engine/verify/verify-model.js';
import { sampleRun } from '../events/sample-run.js';
import { scratch } from '../scratch.js';
import { cli, TRAIN } from './command-line.js';
import { type FakeIo, fakeIo, fakeServices } from './fake-io.js';

describe('report, eval and compare', () => {
  async function finishedRun(path: string, change: (event: RunEvent) => RunEvent = (event) => event): Promise<void> {
    await cli([...TRAIN, '--out', path], {
      runTraining: (_, host) => {
        for (const event of sampleRun()) {
          const { time: _time, ...body } = change(event);
          host.emit(body);
        }
        return Promise.resolve();
      },
    });
  }

  test('report writes the page again and prints its path', async () => {
    const run = join(scratch(), 'run');
    await finishedRun(run);
    const before = readFileSync(join(run, 'report.html'), 'utf8');
    writeFileSync(join(run, 'report.html'), '');
    expect(await cli(['report', run])).toMatchObject({ code: 0, out: `${join(run, 'report.html')}\n` });
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toBe(before);
  });

  test('a folder that is no run is an error that names one that is', async () => {
    const parent = scratch();
    await finishedRun(join(parent, 'good'));
    mkdirSync(join(parent, 'bad'));
    const { code, err } = await cli(['report', join(parent, 'bad')]);
    expect(code).toBe(2);
    expect(err).toMatch(/no events\.jsonl \[PT_RUN_NOT_FOUND\]\nhint: .*good/);
  });

  test('eval prints the result, as text or as JSON', async () => {
    const run = join(scratch(), 'run');
    await finishedRun(run);
    expect(await cli(['eval', run])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/accuracy +0\.5\nloss +1\.5\nsamples +700/) as string,
    });
    expect(JSON.parse((await cli(['eval', run, '--json'])).out)).toMatchObject({
      metric: { name: 'accuracy', value: 0.5 },
    });
  });

  test('equal runs compare with 0', async () => {
    const folder = scratch();
    await finishedRun(join(folder, 'a'));
    await finishedRun(join(folder, 'b'));
    const { code, out } = await cli(['compare', join(folder, 'a'), join(folder, 'b')]);
    expect(code).toBe(0);
    expect(out).toContain('Equal: the same weights');
    expect(
      out
        .split('\n')
        .slice(0, 17)
        .every((line) => line.length <= 80),
    ).toBe(true);
  });

  test('different runs compare with 1 and name the first step that differs', async () => {
    const folder = scratch();
    await finishedRun(join(folder, 'a'));
    await finishedRun(join(folder, 'b'), (event) =>
      event.type === 'step' && event.step >= 17
        ? { ...event, loss: event.loss + 1e-7 }
        : event.type === 'run.finished'
          ? { ...event, weightsSha256: 'ef'.repeat(32) }
          : event,
    );
    const { code, out } = await cli(['compare', join(folder, 'a'), join(folder, 'b')]);
    expect(code).toBe(1);
    expect(out).toMatch(/Different\.\nThe loss differs first at step 17: /);
  });

  test('runs without fingerprints are never equal', async () => {
    const folder = scratch();
    await finishedRun(join(folder, 'a'), (event) =>
      event.type === 'run.finished' ? (sampleRun()[0] as RunEvent) : event,
    );
    const { code, out } = await cli(['compare', join(folder, 'a'), join(folder, 'a')]);
    expect(code).toBe(1);
    expect(out).toContain('did not finish');
  });
});

describe('verify and export', () => {
  const run = (services: Partial<CliServices>, argv: readonly string[]): Promise<{ code: number; io: FakeIo }> => {
    const io = fakeIo();
    return runCli(argv, io, { ...fakeServices(), ...services }).then((code) => ({ code, io }));
  };
  function runFolder(): string {
    const path = scratch();
    writeFileSync(join(path, 'events.jsonl'), '');
    return path;
  }

  test('verify prints every check, and ends with 3 and the first that does not hold', async () => {
    const path = runFolder();
    const good = { name: 'steps', scope: '12 steps', problem: null };
    const bad = { name: 'samples', scope: '', problem: 'sample 5 comes twice in step 7' };
    const holds = await run({ verifyRun: () => Promise.resolve([good]) }, ['verify', path]);
    expect([holds.code, holds.io.stdout.text, holds.io.stderr.text]).toEqual([
      0,
      'steps         ok      12 steps\n',
      '',
    ]);
    const broken = await run({ verifyRun: () => Promise.resolve([good, bad]) }, ['verify', path]);
    expect(broken.code).toBe(3);
    expect(broken.io.stdout.text).toContain('samples       BROKEN  sample 5 comes twice in step 7\n');
    expect(broken.io.stderr.text).toMatch(/^error: .*: samples: sample 5 comes twice in step 7 \[PT_VERIFY\]\n/);
    const json = await run({ verifyRun: () => Promise.resolve([good, bad]) }, ['verify', path, '--json']);
    expect(JSON.parse(json.io.stdout.text)).toEqual([good, bad]);
  });

  test('verify refuses settings beside a run folder, which reads none', async () => {
    const { code, io } = await run({}, ['verify', runFolder(), '--data', 'text:y', '--batch', '4']);
    expect(code).toBe(2);
    expect(io.stderr.text).toMatch(/^error: --data, --batch would have no effect: .* \[PT_CONFIG_IDLE\]\n/);
  });

  test(
    'verify with settings tries the model, in the steps that were asked for, and ends with 3 where a trial ' +
      'differs',
    async () => {
      const asked: [string, number][] = [];
      const row = (
        name: string,
        verdict: 'reference' | 'equal' | 'different' | 'not tried',
        note = '',
      ): TrialResult => ({
        name,
        verdict,
        losses: 'ab'.repeat(32),
        weights: 'cd'.repeat(32),
        note,
      });
      const trying = (rows: readonly TrialResult[]): Partial<CliServices> => ({
        verifyModel: (config, steps, onResult) => {
          asked.push([config.model, steps]);
          for (const one of rows) onResult(one);
          return Promise.resolve(rows);
        },
      });
      const settings = ['verify', '--model', 'gpt', '--data', 'text:x'];
      const equal = await run(
        trying([
          row('one device', 'reference'),
          row('2 replicas', 'equal'),
          row('the cache', 'not tried', 'it does not pay'),
        ]),
        [...settings, '--steps', '12'],
      );
      expect(equal.code).toBe(0);
      expect(equal.io.stdout.text).toMatch(/^one device +abababababababab {2}cdcdcdcdcdcdcdcd$/m);
      expect(equal.io.stdout.text).toMatch(/^ {2}2 replicas +equal +abababababababab {2}cdcdcdcdcdcdcdcd$/m);
      expect(equal.io.stdout.text).toContain('1 of 2 trials equal to the last bit, 1 not tried.\n');
      const different = await run(
        trying([row('one device', 'reference'), row('2 replicas', 'different', 'differs first in step 3')]),
        settings,
      );
      expect(different.code).toBe(3);
      expect(different.io.stderr.text).toMatch(/^error: gpt: 2 replicas: differs first in step 3 \[PT_VERIFY\]\n/);
      expect(asked).toEqual([
        ['gpt', 12],
        ['gpt', 8],
      ]);
    },
  );

  test('export needs a file, and says what it wrote', async () => {
    const path = runFolder();
    expect((await run({}, ['export', path])).code).toBe(2);
    const weights: ExportedWeights = {
      checkpoint: 'c',
      step: 300,
      tensors: 36,
      bytes: 1000,
      dtype: 'f32',
      weightsSha256: 'ab'.repeat(32),
    };
    const { code, io } = await run({ exportWeights: () => Promise.resolve(weights) }, [
      'export',
      path,
      '--out',
      'w.safetensors',
    ]);
    expect([code, io.stdout.text]).toEqual([
      0,
      'w.safetensors: 36 tensors of f32, 1.0 kB\ncheckpoint  c (step 300)\nweights     sha256 abababababababab\n',
    ]);
  });
});
