// The lock of a file between processes: one holds it, and when that one is gone, however it went, the next one has it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLock } from '../../engine/tensor/file-lock.js';
import { scratch } from '../scratch.js';

/** Takes the lock, starts a child that outlives it if asked, says so, and stays. */
const HOLDER = `
  import koffi from 'koffi';
  import { openSync } from 'node:fs';
  import { spawn } from 'node:child_process';
  const [path, withChild] = process.argv.slice(1);
  const flock = koffi.load(null).func('flock', 'int', ['int', 'int']);
  if (flock(openSync(path, 'a+'), 6) !== 0) process.exit(1);
  const child = withChild === 'child'
    ? spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }).pid : 0;
  process.stdout.write(String(child) + '\\n');
  setInterval(() => {}, 1000);
`;

describe.runIf(process.platform === 'linux' || process.platform === 'darwin')('FileLock', () => {
  let path: string;
  let orphan = 0;
  let holder: ChildProcess | null = null;
  beforeEach(() => {
    path = join(scratch(), 'lock');
  });
  afterEach(() => {
    holder?.kill('SIGKILL');
    if (orphan > 0) process.kill(orphan, 'SIGKILL');
    [holder, orphan] = [null, 0];
  });

  const held = (lock: ReturnType<typeof FileLock.take>): FileLock => {
    if (!(lock instanceof FileLock)) throw new Error(`no lock: ${lock}`);
    return lock;
  };
  /** Resolves when another process has the lock. */
  async function holdElsewhere(withChild: boolean): Promise<ChildProcess> {
    holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, path, withChild ? 'child' : ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(holder.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    orphan = Number(String(said));
    return holder;
  }

  it('is held by one, in one process as between two', async () => {
    const first = held(FileLock.take(path, 0o600));
    expect(FileLock.take(path, 0o600)).toBe('busy');
    first.release();
    first.release();
    await holdElsewhere(false);
    expect(FileLock.take(path, null)).toBe('busy');
  });

  it('is free when its holder was killed, even where a child of it lives on', async () => {
    const dying = await holdElsewhere(true);
    expect(FileLock.take(path, null)).toBe('busy');
    dying.kill('SIGKILL');
    await once(dying, 'exit');
    expect(() => process.kill(orphan, 0)).not.toThrow();
    held(FileLock.take(path, null)).release();
  });

  it('makes the file only where it is told to', () => {
    expect(FileLock.take(path, null)).toBe('absent');
    expect(existsSync(path)).toBe(false);
    held(FileLock.take(path, 0o600)).release();
    expect(existsSync(path)).toBe(true);
  });

  it('is not that of a file whose name is another one by now', () => {
    const old = held(FileLock.take(path, 0o600));
    unlinkSync(path);
    const fresh = held(FileLock.take(path, 0o600));
    expect(FileLock.take(path, null)).toBe('busy');
    old.release();
    expect(FileLock.take(path, null)).toBe('busy');
    fresh.release();
  });

  it('follows no link, and takes no folder', () => {
    writeFileSync(join(path, '..', 'elsewhere'), 'kept');
    symlinkSync('elsewhere', path);
    expect(() => FileLock.take(path, 0o600)).toThrow(expect.objectContaining({ code: 'ELOOP' }) as Error);
    unlinkSync(path);
    mkdirSync(path);
    expect(() => FileLock.take(path, 0o600)).toThrow(expect.objectContaining({ code: 'EISDIR' }) as Error);
  });
});
