// RunFolder: made whole, and nothing in it is overwritten.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
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

  test.runIf(process.platform === 'linux')('is refused with the error of a file system that makes no folders', () => {
    expect(() => RunFolder.create('/proc/pipetrain/run')).toThrow(
      expect.objectContaining({
        code: 'PT_RUN_FOLDER',
        message: expect.stringContaining('/proc/pipetrain/run cannot be written: ENOENT') as string,
      }) as Error,
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
