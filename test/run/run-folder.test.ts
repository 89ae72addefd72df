// RunFolder and EventLog: nothing is overwritten, nothing that was appended is lost, half a line is no event.
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EventLog, readEvents } from '../../engine/events/event-log.js';
import { defaultRunPath, RunFolder } from '../../engine/run/run-folder.js';
import { scratch } from '../scratch.js';

describe('a run folder', () => {
  test('is made with its parents', () => {
    const folder = RunFolder.create(join(scratch(), 'a', 'b'));
    expect(readdirSync(folder.path).sort()).toEqual(['checkpoints', 'plans']);
    folder.writePlan(3, '0F0');
    expect(readFileSync(join(folder.plansPath, '3.txt'), 'utf8')).toBe('0F0\n');
    expect(folder.readConfig()).toBeNull();
    folder.writeConfig('seed: 1\n');
    expect(folder.readConfig()).toBe('seed: 1\n');
    expect(readdirSync(folder.path)).not.toContain('config.resolved.yaml.tmp');
  });

  test.each(['events.jsonl', 'summary.json', 'checkpoints', 'config.resolved.yaml'])(
    'is refused where %s is',
    (name) => {
      const path = scratch();
      writeFileSync(join(path, name), '');
      expect(() => RunFolder.create(path)).toThrow(
        expect.objectContaining({ code: 'PT_OUT_IN_USE', message: expect.stringContaining(name) as string }) as Error,
      );
    },
  );

  test('is refused where a file has its name', () => {
    const path = join(scratch(), 'file');
    writeFileSync(path, '');
    expect(() => RunFolder.create(path)).toThrow(/is a file/);
  });

  test('that cannot be made is told with its path', () => {
    const path = join(scratch(), 'file');
    writeFileSync(path, '');
    expect(() => RunFolder.create(join(path, 'run'))).toThrow(
      expect.objectContaining({ code: 'PT_RUN_FOLDER', exitCode: 3 }) as Error,
    );
  });

  test('is opened only where events are', () => {
    const path = scratch();
    expect(() => RunFolder.open(path)).toThrow(expect.objectContaining({ code: 'PT_RUN_NOT_FOUND' }) as Error);
    expect(() => RunFolder.open(join(path, 'nothing'))).toThrow(/there is no folder/);
    writeFileSync(join(path, 'events.jsonl'), '');
    expect(RunFolder.open(path).path).toBe(path);
  });

  test('that is discarded leaves what is not ours', () => {
    const parent = scratch();
    RunFolder.create(join(parent, 'a')).discard();
    expect(existsSync(join(parent, 'a'))).toBe(false);
    mkdirSync(join(parent, 'b'));
    writeFileSync(join(parent, 'b', 'mine'), '');
    RunFolder.create(join(parent, 'b')).discard();
    expect(readdirSync(join(parent, 'b'))).toEqual(['mine']);
  });

  test('has a name of date, time and model, and never that of another run', () => {
    const now = new Date(2026, 0, 2, 3, 4, 5);
    const free = (): boolean => false;
    expect(defaultRunPath('gpt', now, free)).toBe(join('runs', '20260102-030405-gpt'));
    expect(defaultRunPath('./models/my net.ts', now, free)).toBe(join('runs', '20260102-030405-my-net'));
    const taken = new Set([join('runs', '20260102-030405-gpt'), join('runs', '20260102-030405-gpt-2')]);
    expect(defaultRunPath('gpt', now, (path) => taken.has(path))).toBe(join('runs', '20260102-030405-gpt-3'));
  });
});

describe('an event log', () => {
  test('stamps seconds since its start and reads back what was appended', () => {
    const path = join(scratch(), 'events.jsonl');
    let now = 5000;
    const log = new EventLog(path, () => now);
    const first = log.append({ type: 'warning', message: 'line\nbreak' });
    now += 1234.5678;
    const second = log.append({ type: 'worker.lost', worker: 'w0', reason: 'x' });
    log.close();
    expect([first.time, second.time]).toEqual([0, 1.234568]);
    expect(readEvents(path)).toEqual([first, second]);
  });

  test('has every event on disk before it is closed', () => {
    const path = join(scratch(), 'events.jsonl');
    const log = new EventLog(path);
    log.append({ type: 'warning', message: 'a' });
    expect(readEvents(path)).toHaveLength(1);
    log.close();
    log.close();
    log.append({ type: 'warning', message: 'late' });
    expect(readEvents(path)).toHaveLength(1);
  });

  test('is read without the line that was never finished', () => {
    const path = join(scratch(), 'events.jsonl');
    const log = new EventLog(path);
    for (const message of ['a', 'b', 'c']) log.append({ type: 'warning', message });
    log.close();
    const whole = readFileSync(path, 'utf8');
    const lastLine = whole.trimEnd().lastIndexOf('\n') + 1;
    for (let end = lastLine; end < whole.length - 1; end++) {
      writeFileSync(path, whole.slice(0, end));
      expect(readEvents(path)).toHaveLength(2);
    }
  });

  test('with a broken line in its middle is an error that names the line', () => {
    const path = join(scratch(), 'events.jsonl');
    writeFileSync(path, '{"time":0,"type":"warning","message":"a"}\n{"time":\n');
    appendFileSync(path, '{"time":1,"type":"warning","message":"b"}\n');
    expect(() => readEvents(path)).toThrow(
      expect.objectContaining({
        code: 'PT_EVENTS_BROKEN',
        message: expect.stringContaining('line 2 of') as string,
      }) as Error,
    );
  });

  test('that cannot be opened is told with its path', () => {
    expect(() => new EventLog(join(scratch(), 'no', 'events.jsonl'))).toThrow(
      expect.objectContaining({ code: 'PT_EVENT_LOG' }) as Error,
    );
  });
});
