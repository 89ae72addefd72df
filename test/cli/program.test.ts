// The command line as people use it, in this process: outputs, exit codes, the run folder. The engine is a stand-in.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../cli/program.js';
import type { CliServices } from '../../cli/session/services.js';
import { type TrainConfig, trainConfigSchema } from '../../engine/core/config.js';
import { DataError, NonFiniteError } from '../../engine/core/errors.js';
import { readEvents } from '../../engine/events/event-log.js';
import { type RunEvent, runEventSchema } from '../../engine/events/events.js';
import type { Summary } from '../../engine/events/summary.js';
import type { TrialResult } from '../../engine/verify/verify-model.js';
import { GRID, sampleRun } from '../events/sample-run.js';
import { scratch } from '../scratch.js';
import { type FakeIo, fakeIo, fakeServices } from './fake-io.js';

/** An engine that plays the sample run. */
const replay: CliServices['runTraining'] = (_, host) => {
  for (const { time: _time, ...body } of sampleRun()) host.emit(runEventSchema.parse(body));
  return Promise.resolve();
};

async function cli(
  argv: readonly string[],
  options: { readonly io?: FakeIo; readonly runTraining?: CliServices['runTraining'] } = {},
): Promise<{ code: number; io: FakeIo; out: string; err: string }> {
  const io = options.io ?? fakeIo();
  const code = await runCli(argv, io, fakeServices(options.runTraining));
  return { code, io, out: io.stdout.text, err: io.stderr.text };
}

const TRAIN = ['train', '--model', 'gpt', '--data', 'text:x'];

describe('usage', () => {
  test('--help and --version end with 0', async () => {
    const help = await cli(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['quickstart', 'train', 'eval', 'report', 'compare', 'verify', 'export', 'devices', 'doctor'])
      expect(help.out).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    expect(await cli(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
  });

  test('the help of train has every setting with its default, and fits 80 columns', async () => {
    const { out, code } = await cli(['train', '--help']);
    expect(code).toBe(0);
    for (const name of Object.keys(trainConfigSchema.shape))
      expect(out).toContain(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    expect(out.replace(/\s+/g, ' ')).toContain('samples per step, over all replicas (default 64)');
    // The examples are meant to be copied whole.
    expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test.each([
    [['trian'], /unknown command 'trian'/, /train/],
    [['train', '--bach', '3'], /unknown option '--bach'/, /--batch/],
    [['train', '--batch'], /--batch <n>.*argument missing/, /./],
    [['train', '--exact', '--fast'], /cannot be used with/, /./],
    [['compare', 'a'], /missing required argument 'b'/, /./],
    [['train', '--model', 'gpt'], /data must be given/, /--data/],
  ])('%j ends with 2, an error and a hint', async (argv, message, hint) => {
    const { code, err, out } = await cli(argv);
    expect([code, out]).toEqual([2, '']);
    const [first = '', second = ''] = err.split('\nhint: ');
    expect(first).toMatch(/^error: .* \[PT_[A-Z_]+\]$/s);
    expect(first).toMatch(message);
    expect(second).toMatch(hint);
  });

  test('no command prints the help and ends with 2', async () => {
    const { code, err } = await cli([]);
    expect(code).toBe(2);
    expect(err).toContain('Usage: pipetrain');
  });

  test('--print-config prints the configuration and starts nothing', async () => {
    let hasTrained = false;
    const { code, out } = await cli([...TRAIN, '--print-config', '--batch', '48', '--fast'], {
      runTraining: () => Promise.resolve(void (hasTrained = true)),
    });
    expect([code, hasTrained]).toEqual([0, false]);
    expect(out).toMatch(/^batch: 48 +# from flag --batch$/m);
    expect(parse(out)).toMatchObject({ model: 'gpt', exact: false, epochs: 3 });
  });
});

describe('train', () => {
  test('leaves a folder with configuration, events, plans, summary and report', async () => {
    const out = join(scratch(), 'run');
    const { code, io } = await cli([...TRAIN, '--out', out], { runTraining: replay });
    expect(code).toBe(0);
    expect(readdirSync(out).sort()).toEqual([
      'checkpoints',
      'config.resolved.yaml',
      'events.jsonl',
      'plans',
      'report.html',
      'summary.json',
    ]);
    expect(readFileSync(join(out, 'plans', '0.txt'), 'utf8')).toBe(`${GRID}\n`);
    expect(readdirSync(join(out, 'plans'))).toEqual(['0.txt', '1.txt', '2.txt']);
    const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as Summary;
    expect(summary).toMatchObject({
      status: 'finished',
      steps: 300,
      metric: { name: 'accuracy', value: 0.586 },
      weightsSha256: 'ab'.repeat(32),
    });
    expect(io.stdout.text).toContain(`run     ${out}`);
    expect(io.stdout.text).not.toContain('\u001b');
  });

  test('hands over the validated configuration, and tells quickstart from train', async () => {
    const seen: [TrainConfig, boolean | undefined][] = [];
    const runTraining: CliServices['runTraining'] = (config, host) =>
      Promise.resolve(void seen.push([config, host.quickstart]));
    const folder = scratch();
    await cli([...TRAIN, '--out', join(folder, 'a'), '--devices', 'cpu:2'], { runTraining });
    await cli(['quickstart', '--out', join(folder, 'b'), '--steps', '4'], {
      runTraining,
      io: fakeIo({ PIPETRAIN_MODEL: 'bert' }),
    });
    expect(seen[0]).toMatchObject([{ model: 'gpt', devices: 'cpu:2', batch: 32, exact: true }, false]);
    // The environment does not touch the quickstart.
    expect(seen[1]).toMatchObject([{ model: 'gpt', data: 'text:somewhere', steps: 4 }, true]);
  });

  test('--json prints every event as one line, and nothing else', async () => {
    const { out } = await cli([...TRAIN, '--out', join(scratch(), 'run'), '--json'], { runTraining: replay });
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as RunEvent);
    expect(events.map(({ type }) => type)).toEqual(sampleRun().map(({ type }) => type));
  });

  test('refuses a folder that holds a run, and takes an empty one', async () => {
    const out = join(scratch(), 'run');
    mkdirSync(out);
    expect((await cli([...TRAIN, '--out', out], { runTraining: replay })).code).toBe(0);
    const again = await cli([...TRAIN, '--out', out], { runTraining: replay });
    expect(again.code).toBe(2);
    expect(again.err).toMatch(/holds a run already.*\[PT_OUT_IN_USE\]\nhint: /s);
    expect(readEvents(join(out, 'events.jsonl'))).toHaveLength(sampleRun().length);
  });

  test('an error keeps its code and its exit code, and the folder its events and a report', async () => {
    const out = join(scratch(), 'run');
    const runTraining: CliServices['runTraining'] = (_, host) => {
      for (const { time: _time, ...body } of sampleRun().slice(0, 40)) host.emit(runEventSchema.parse(body));
      return Promise.reject(new NonFiniteError('step 35: the loss is NaN', 'Use a smaller --lr.'));
    };
    const { code, err } = await cli([...TRAIN, '--out', out], { runTraining });
    expect([code, err]).toEqual([5, 'error: step 35: the loss is NaN [PT_NON_FINITE]\nhint: Use a smaller --lr.\n']);
    expect(readEvents(join(out, 'events.jsonl')).at(-1)).toMatchObject({ type: 'run.failed', code: 'PT_NON_FINITE' });
    expect(JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))).toMatchObject({ status: 'failed', steps: 35 });
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('The run failed: PT_NON_FINITE');
  });

  test('a run that never started leaves no folder in the way of the next try', async () => {
    const out = join(scratch(), 'run');
    const runTraining: CliServices['runTraining'] = () =>
      Promise.reject(new DataError('PT_DATA_MISSING', 'no such file: x', 'Check the path.'));
    const { code, err } = await cli([...TRAIN, '--out', out], { runTraining });
    expect([code, existsSync(out)]).toEqual([3, false]);
    expect(err).toContain('[PT_DATA_MISSING]');
  });

  test('a folder that somebody else made keeps what was in it', async () => {
    const out = scratch();
    writeFileSync(join(out, 'notes.txt'), 'mine');
    await cli([...TRAIN, '--out', out], {
      runTraining: () => Promise.reject(new DataError('PT_DATA_MISSING', 'no', 'no')),
    });
    expect(readdirSync(out)).toEqual(['notes.txt']);
  });

  test('an error nobody foresaw ends with 1, its stack, and the words that it is a defect', async () => {
    const { code, err } = await cli([...TRAIN, '--out', join(scratch(), 'run')], {
      runTraining: () => Promise.reject(new TypeError('x is not a function')),
    });
    expect(code).toBe(1);
    expect(err).toMatch(/x is not a function \[PT_INTERNAL\]\nTypeError.*program\.test.*defect of pipetrain/s);
  });

  test('the first signal asks to save, and the run ends with 130; the second stops now', async () => {
    const io = fakeIo();
    const runTraining: CliServices['runTraining'] = (_, host) => {
      for (const { time: _time, ...body } of sampleRun().slice(0, 20)) host.emit(runEventSchema.parse(body));
      io.signals.emit('SIGINT');
      expect(host.signal.aborted).toBe(true);
      expect(io.exits).toEqual([]);
      io.signals.emit('SIGTERM');
      const last = sampleRun().at(-1) as Extract<RunEvent, { type: 'run.finished' }>;
      host.emit({ ...last, isInterrupted: true });
      return Promise.resolve();
    };
    const { code, err } = await cli([...TRAIN, '--out', join(scratch(), 'run')], { io, runTraining });
    expect([code, io.exits]).toEqual([130, [130]]);
    expect(err).toContain('interrupted after saving');
    expect([io.signals.listenerCount('SIGINT'), io.signals.listenerCount('SIGTERM')]).toEqual([0, 0]);
  });
});

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

describe('devices and doctor', () => {
  test('devices names what --devices takes, and says why the rest cannot be used', async () => {
    expect(await cli(['devices'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /^devices +usable .*\ncpu:1( to cpu:\d+)? +yes +ONNX Runtime.*\n[^]*ort-cuda:N +(yes|no) [^]*\ntfjs-cpu:N +yes .*[^]*tfjs-node:N +(yes|no) /,
      ) as string,
    });
  });

  test('doctor checks each thing on a line of its own', async () => {
    const { out } = await cli(['doctor']);
    for (const name of ['Node', 'cores', 'memory', 'shared memory', 'ONNX Runtime'])
      expect(out).toMatch(new RegExp(`^(ok     |problem)  ${name} `, 'm'));
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
    const weights = { checkpoint: 'c', step: 300, tensors: 36, bytes: 1000, weightsSha256: 'ab'.repeat(32) };
    const { code, io } = await run({ exportWeights: () => Promise.resolve(weights) }, [
      'export',
      path,
      '--out',
      'w.safetensors',
    ]);
    expect([code, io.stdout.text]).toEqual([
      0,
      'w.safetensors: 36 tensors, 1.0 kB\ncheckpoint  c (step 300)\nweights     sha256 abababababababab\n',
    ]);
  });
});
