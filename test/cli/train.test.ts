// `pipetrain train` and `quickstart`: outputs, exit codes, the run folder. The engine is a stand-in.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CliServices } from '../../cli/session/services.js';
import { type TrainConfig } from '../../engine/core/config.js';
import { DataError, NonFiniteError, UsageError, WorkerError } from '../../engine/core/errors.js';
import { EventFile } from '../../engine/events/event-file.js';
import { type RunEvent, runEventSchema } from '../../engine/events/events.js';
import type { Summary } from '../../engine/events/summary.js';
import { GRID, sampleRun } from '../events/sample-run.js';
import { scratch } from '../scratch.js';
import { cli, replay, TRAIN } from './command-line.js';
import { fakeIo } from './fake-io.js';

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
    expect([...new EventFile(join(out, 'events.jsonl'))]).toHaveLength(sampleRun().length);
  });

  test('an error keeps its code and its exit code, and the folder its events and a report', async () => {
    const out = join(scratch(), 'run');
    const runTraining: CliServices['runTraining'] = (_, host) => {
      for (const { time: _time, ...body } of sampleRun().slice(0, 40)) host.emit(runEventSchema.parse(body));
      return Promise.reject(new NonFiniteError('step 35: the loss is NaN', 'Use a smaller --lr.'));
    };
    const { code, err } = await cli([...TRAIN, '--out', out], { runTraining });
    expect([code, err]).toEqual([5, 'error: step 35: the loss is NaN [PT_NON_FINITE]\nhint: Use a smaller --lr.\n']);
    expect([...new EventFile(join(out, 'events.jsonl'))].at(-1)).toMatchObject({
      type: 'run.failed',
      code: 'PT_NON_FINITE',
    });
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

  test('nor does one that is refused before its first plan; one that fails otherwise keeps its events', async () => {
    const [refused, failed] = [join(scratch(), 'run'), join(scratch(), 'run')];
    const failing =
      (error: Error): CliServices['runTraining'] =>
      (_config, host) => {
        host.emit(sampleRun()[0]!);
        return Promise.reject(error);
      };
    const limit = new UsageError('PT_MEMORY_LIMIT', 'no pipeline fits', 'Raise the limit.');
    await cli([...TRAIN, '--out', refused], { runTraining: failing(limit) });
    expect(existsSync(refused)).toBe(false);
    const lost = new WorkerError('PT_WORKER_LOST', 'worker w0 is gone', 'Look into its log.');
    await cli([...TRAIN, '--out', failed], { runTraining: failing(lost) });
    expect(readdirSync(failed)).toContain('summary.json');
  });

  test('what the system says of a path is no defect', async () => {
    const { code, err } = await cli([...TRAIN, '--out', 'x'.repeat(20_000)], { runTraining: replay });
    expect(code).toBe(3);
    expect(err).toMatch(
      /x\.\.\. \(20000 characters\) cannot be used: name too long \(ENAMETOOLONG.*\[PT_SYSTEM\]|PT_RUN_FOLDER/,
    );
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
    expect(err).toMatch(/x is not a function \[PT_INTERNAL\]\nTypeError.*train\.test.*defect of pipetrain/s);
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
    const run = join(scratch(), 'run');
    const { code, err } = await cli([...TRAIN, '--out', run], { io, runTraining });
    expect([code, io.exits]).toEqual([130, [130]]);
    expect(err).toContain(`interrupted after saving; the run is in ${run}\ngo on with it: pipetrain resume ${run}\n`);
    expect([io.signals.listenerCount('SIGINT'), io.signals.listenerCount('SIGTERM')]).toEqual([0, 0]);
  });
});
