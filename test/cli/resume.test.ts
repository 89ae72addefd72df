// `pipetrain resume`: one writer of a folder, and a resume that fails before the run goes on leaves no trace. The
// engine is a stand-in.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../cli/program.js';
import type { CliServices } from '../../cli/session/services.js';
import { ModelError, UsageError, WorkerError } from '../../engine/core/errors.js';
import { EventFile } from '../../engine/events/event-file.js';
import { runEventSchema } from '../../engine/events/events.js';
import { sampleRun } from '../events/sample-run.js';
import { scratch } from '../scratch.js';
import { cli, replay, TRAIN } from './command-line.js';
import { type FakeIo, fakeIo, fakeServices, POINT } from './fake-io.js';

async function resume(
  path: string,
  runTraining: CliServices['runTraining'],
): Promise<{ readonly code: number; readonly io: FakeIo }> {
  const io = fakeIo();
  return { code: await runCli(['resume', path], io, fakeServices(runTraining)), io };
}

/** Every file of a folder with its text and its time. */
const content = (path: string): unknown =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort()
    .map((name) => [name, readFileSync(join(path, name), 'utf8'), statSync(join(path, name)).mtimeMs]);

/** Plays the sample run as one that was stopped after its last step. */
const interrupted: CliServices['runTraining'] = (config, host, from) => {
  const emit: typeof host.emit = (event) => {
    host.emit(event.type === 'run.finished' ? { ...event, isInterrupted: true } : event);
  };
  return replay(config, { ...host, emit }, from);
};

async function recorded(runTraining: CliServices['runTraining']): Promise<string> {
  const path = join(scratch(), 'run');
  await cli([...TRAIN, '--out', path], { runTraining });
  return path;
}

const finishedRun = (): Promise<string> => recorded(replay);
const interruptedRun = (): Promise<string> => recorded(interrupted);

const started = runEventSchema.parse(sampleRun()[0]);

describe('resume', () => {
  test.each([
    ['before anything', []],
    ['after the workers have come', [started, { type: 'warning', message: 'the memory folder is small' } as const]],
  ])('that fails %s leaves the run as it was', async (_when, events) => {
    const path = await interruptedRun();
    const before = content(path);
    const { code, io } = await resume(path, (_config, host) => {
      for (const event of events) host.emit(event);
      return Promise.reject(new UsageError('PT_PORT_IN_USE', 'port 7000 is taken', 'Choose another port.'));
    });
    expect(code).toBe(2);
    expect(io.stderr.text).toContain('[PT_PORT_IN_USE]');
    expect(content(path)).toEqual(before);
  });

  test.each([[[]], [['--json']], [['--devices', 'cpu:4']]])(
    'of a finished run says that nothing is left to do, and changes nothing: %j',
    async (flags) => {
      const [path, io] = [await finishedRun(), fakeIo()];
      const before = content(path);
      const services = fakeServices(() => Promise.reject(new Error('nothing is to be trained')));
      expect(await runCli(['resume', path, ...flags], io, services)).toBe(0);
      expect(io.stdout.text + io.stderr.text).toContain(`${path} is finished: all 300 steps are done`);
      expect(io.stdout.text + io.stderr.text).toContain(`pipetrain train ... --init-from ${path}`);
      expect(flags.includes('--json') ? io.stdout.text : '').toBe('');
      expect(content(path)).toEqual(before);
    },
  );

  test.each([
    ['PT_MODEL_CHANGED', 3],
    // It is needed no more.
    ['PT_MODEL_MISSING', 0],
  ])('of a finished run whose model ends with %s ends with the exit code %i', async (code, exitCode) => {
    const [path, io] = [await finishedRun(), fakeIo()];
    const modelOf = () => Promise.reject(new ModelError(code, 'the model is another one', 'Use the one that it was.'));
    expect(await runCli(['resume', path], io, { ...fakeServices(replay), modelOf })).toBe(exitCode);
    expect(io.stderr.text.includes(`[${code}]`)).toBe(exitCode !== 0);
  });

  test('refuses a token where nobody can join', async () => {
    const [path, io] = [await interruptedRun(), fakeIo()];
    const before = content(path);
    expect(await runCli(['resume', path, '--token-file', 'none'], io, fakeServices(replay))).toBe(2);
    expect(io.stderr.text).toMatch(/--token-file has no effect: nobody can join without --listen.*\[PT_CONFIG_IDLE\]/);
    expect(content(path)).toEqual(before);
  });

  test('and eval take model and data from where they lie now', async () => {
    const flags = ['--data', 'text:there', '--data-options', 'vocab=v.txt'];
    const places = { model: 'gpt', data: 'text:there', dataOptions: { vocab: 'v.txt' }, steps: 300 };
    const [path, io, seen] = [await interruptedRun(), fakeIo(), [] as unknown[]];
    const services: CliServices = {
      ...fakeServices((config) => {
        seen.push(config);
        return Promise.reject(new UsageError('PT_PORT_IN_USE', 'port 7000 is taken', 'Choose another port.'));
      }),
      evaluateCheckpoint: (_, config) => {
        seen.push(config);
        return fakeServices().evaluateCheckpoint(POINT, config);
      },
    };
    expect(await runCli(['resume', path, ...flags], io, services)).toBe(2);
    expect(await runCli(['eval', path, ...flags], io, services)).toBe(0);
    expect(seen).toMatchObject([places, places]);
  });

  test('with an option that cannot be read leaves the run as it was', async () => {
    const path = await interruptedRun();
    const before = content(path);
    expect((await cli(['resume', path, '--keep', 'many'])).code).toBe(2);
    expect(content(path)).toEqual(before);
  });

  test('that has gone on records its failure, after all that came before', async () => {
    const path = await interruptedRun();
    const numBefore = [...new EventFile(join(path, 'events.jsonl'))].length;
    const { code } = await resume(path, (_config, host) => {
      host.emit(started);
      host.emit({ type: 'resumed', step: 300, checkpoint: POINT.folder });
      return Promise.reject(new WorkerError('PT_WORKER_LOST', 'all workers are gone', 'See above.'));
    });
    expect(code).toBe(4);
    const events = [...new EventFile(join(path, 'events.jsonl'))];
    expect(events.slice(numBefore).map(({ type }) => type)).toEqual(['run.started', 'resumed', 'run.failed']);
    const times = events.map(({ time }) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(JSON.parse(readFileSync(join(path, 'summary.json'), 'utf8'))).toMatchObject({ status: 'failed' });
  });

  test('beside the training of the same folder, or another resume, is refused and changes nothing', async () => {
    const path = join(scratch(), 'run');
    const seconds: (number | string)[] = [];
    const during: CliServices['runTraining'] = async (config, host, from) => {
      await interrupted(config, host, from);
      const before = content(path);
      for (const args of [
        ['resume', path],
        [...TRAIN, '--out', path],
      ]) {
        const second = await cli(args);
        seconds.push(second.code, second.err);
      }
      expect(content(path)).toEqual(before);
    };
    expect((await cli([...TRAIN, '--out', path], { runTraining: during })).code).toBe(130);
    expect((await resume(path, during)).code).toBe(130);
    const refused = [2, expect.stringMatching(/being written by process \d+ .*\[PT_RUN_HELD\]/) as string];
    expect(seconds).toEqual([...refused, ...refused, ...refused, ...refused]);
    expect(readdirSync(path)).not.toContain('lock');
  });
});

describe('signals', () => {
  test('SIGHUP saves and stops, and never counts as a second signal', async () => {
    const io = fakeIo();
    const runTraining: CliServices['runTraining'] = (_config, host) => {
      for (const { time: _time, ...body } of sampleRun().slice(0, 20)) host.emit(runEventSchema.parse(body));
      for (const signal of ['SIGHUP', 'SIGHUP', 'SIGTERM', 'SIGHUP']) io.signals.emit(signal);
      expect([host.signal.aborted, io.exits]).toEqual([true, []]);
      const { time: _time, ...last } = sampleRun().at(-1) as { time: number };
      host.emit({ ...runEventSchema.parse(last), isInterrupted: true } as never);
      return Promise.resolve();
    };
    expect((await cli([...TRAIN, '--out', join(scratch(), 'run')], { io, runTraining })).code).toBe(130);
    expect(io.signals.listenerCount('SIGHUP')).toBe(0);
  });
});

describe('an output that cannot be written', () => {
  test('is told of once, in the events', async () => {
    const path = join(scratch(), 'run');
    const io = fakeIo();
    Object.assign(io.stdout, { name: 'standard output', lostBecause: () => 'ENOSPC: no space left on device' });
    expect((await cli([...TRAIN, '--out', path], { io, runTraining: replay })).code).toBe(0);
    expect([...new EventFile(join(path, 'events.jsonl'))].filter(({ type }) => type === 'warning')).toEqual([
      expect.objectContaining({
        message: 'standard output cannot be written (ENOSPC: no space left on device); the run goes on without it',
      }),
    ]);
  });
});
