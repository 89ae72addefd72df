// Who may write into a run folder: one process, until it lets go or is gone.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { RunFolder } from '../../engine/run/run-folder.js';
import { scratch } from '../scratch.js';

const HELD = expect.objectContaining({ code: 'PT_RUN_HELD', exitCode: 2 }) as Error;
const MINUTE_MS = 60_000;

describe('a run folder', () => {
  let run: RunFolder;
  let lock: string;
  beforeEach(() => {
    run = RunFolder.create(join(scratch(), 'run'));
    lock = join(run.path, 'lock');
  });

  test('has one writer, and tells a second one who that is', async () => {
    const held = await run.hold('pipetrain train');
    await expect(run.hold('pipetrain resume')).rejects.toMatchObject({
      code: 'PT_RUN_HELD',
      exitCode: 2,
      message: expect.stringMatching(
        new RegExp(
          `${run.path} is being written by process ${process.pid} on ${hostname()}, since 2.*Z \\(pipetrain train\\)`,
        ),
      ) as string,
      hint: expect.stringMatching(/pipetrain status .*SIGTERM/) as string,
    });
    held.release();
    expect(readdirSync(run.path).sort()).toEqual(['checkpoints', 'plans']);
    (await run.hold('pipetrain resume')).release();
  });

  test('that is being written is no place for a new run', async () => {
    const held = await run.hold('pipetrain train', true);
    expect(() => RunFolder.create(run.path)).toThrow(HELD);
    run.writeConfig('seed: 1\n');
    expect(() => RunFolder.create(run.path)).toThrow(HELD);
    held.release();
    expect(() => RunFolder.create(run.path)).toThrow(expect.objectContaining({ code: 'PT_OUT_IN_USE' }) as Error);
  });

  test('that another run was begun in meanwhile is refused to the one that thought it new', async () => {
    const other = RunFolder.create(join(run.path, '..', 'other'));
    other.writeConfig('seed: 1\n');
    await expect(other.hold('pipetrain train', true)).rejects.toMatchObject({ code: 'PT_OUT_IN_USE' });
    (await other.hold('pipetrain resume')).release();
  });

  /** What a process leaves that was killed. */
  const left = (machine: string, ageMs: number): void => {
    const holder = { pid: 7, host: 'trainer', machine, since: '2026-01-01T00:00:00.000Z', command: 'x', nonce: 'n' };
    writeFileSync(lock, JSON.stringify(holder));
    const at = new Date(Date.now() - ageMs);
    utimesSync(lock, at, at);
  };

  test('of another machine is held while there are signs of life', async () => {
    left('another machine', 5000);
    await expect(run.hold('pipetrain resume')).rejects.toMatchObject({
      code: 'PT_RUN_HELD',
      message: expect.stringMatching(/process 7 on trainer.*last sign of life is \d+ s old/) as string,
      hint: expect.stringContaining('after 60 s without a sign of life') as string,
    });
    left('another machine', 2 * MINUTE_MS);
    (await run.hold('pipetrain resume')).release();
    expect(readdirSync(run.path).sort()).toEqual(['checkpoints', 'plans']);
  });

  test('is free at once when its writer was killed on this machine, or wrote half a line', async () => {
    const held = await run.hold('pipetrain train');
    const written = JSON.parse(readFileSync(lock, 'utf8')) as { machine: string };
    held.release();
    left(written.machine, 0);
    (await run.hold('pipetrain resume')).release();
    writeFileSync(lock, '{"pid":');
    (await run.hold('pipetrain resume')).release();
  });

  test('is not taken through a link, nor by a name that is a folder', async () => {
    writeFileSync(join(run.path, 'mine'), 'kept');
    symlinkSync('mine', lock);
    await expect(run.hold('pipetrain resume')).rejects.toMatchObject({ code: 'PT_RUN_FOLDER' });
    expect(readFileSync(join(run.path, 'mine'), 'utf8')).toBe('kept');
    const other = RunFolder.create(join(run.path, 'inner'));
    mkdirSync(join(other.path, 'lock'));
    await expect(other.hold('pipetrain resume')).rejects.toMatchObject({ code: 'PT_RUN_FOLDER' });
  });

  test('that is discarded while it is held is gone whole', async () => {
    const held = await run.hold('pipetrain train');
    run.discard();
    held.release();
    expect(existsSync(run.path)).toBe(false);
  });
});
