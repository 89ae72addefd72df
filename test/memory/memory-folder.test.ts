// Folders of shared memory among those of others: a living run keeps its own wherever it lives, the leftovers of dead
// ones go, and what belongs to somebody else, or only looks like a memory folder, is neither used nor touched.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryFolder } from '../../engine/memory/memory-folder.js';
import { findMemoryFolder, requireMemoryFolder } from '../../engine/memory/shared-folder.js';
import { FileLock } from '../../engine/tensor/file-lock.js';
import { MappedFile, sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { scratch } from '../scratch.js';

const isRoot = process.getuid?.() === 0;
/** A user that is none of this machine. */
const SOMEBODY = 54_321;

describe.skipIf(process.platform === 'win32')('memory folders', () => {
  let parent = '';
  beforeEach(() => {
    parent = scratch(sharedMemoryFolder());
  });
  /** A folder as a coordinator leaves it that was killed; its number is that of the first process of this system. */
  const leave = (name = 'pipetrain-1-deadbeef'): string => {
    const folder = join(parent, name);
    mkdirSync(folder, { mode: 0o700 });
    for (const file of ['probe', 'lock', 'w0.b0.weights']) writeFileSync(join(folder, file), file, { mode: 0o600 });
    return folder;
  };

  it('are reached by their user alone, and go when they are closed', () => {
    const memory = new MemoryFolder(parent);
    expect(statSync(memory.path).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(memory.path)) expect(statSync(join(memory.path, name)).mode & 0o777).toBe(0o600);
    expect(findMemoryFolder(memory.probe, parent)).toBe(memory.path);
    expect(requireMemoryFolder(memory.path, memory.probe)).toBe(memory.path);
    memory.close();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('that nobody holds are swept away, hundreds of them, whatever process has their number now', () => {
    for (let i = 0; i < 300; i++) leave(`pipetrain-1-${i.toString(16).padStart(8, '0')}`);
    rmSync(join(parent, 'pipetrain-1-00000000', 'lock'));
    const memory = new MemoryFolder(parent);
    expect(readdirSync(parent)).toEqual([memory.path.slice(parent.length + 1)]);
    memory.close();
  });

  it('that somebody holds stay, though no process here has their number', () => {
    const folder = leave('pipetrain-4194305-deadbeef');
    const lock = FileLock.take(join(folder, 'lock'), null);
    const one = new MemoryFolder(parent);
    const other = new MemoryFolder(parent);
    expect(readdirSync(folder)).toHaveLength(3);
    expect([one.isThere, other.isThere]).toEqual([true, true]);
    if (lock instanceof FileLock) lock.release();
    one.close();
    other.close();
    new MemoryFolder(parent).close();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('of another system, which cannot tell us of its locks, stay until they are old', () => {
    const folder = leave('pipetrain-1-00000000-deadbeef');
    new MemoryFolder(parent).close();
    expect(existsSync(folder)).toBe(true);
    utimesSync(folder, 1e9, 1e9);
    new MemoryFolder(parent).close();
    expect(existsSync(folder)).toBe(false);
  });

  it.runIf(isRoot)('of somebody else are neither swept nor used', () => {
    const folder = leave();
    const probe = 'ab'.repeat(16);
    writeFileSync(join(folder, 'probe'), probe);
    expect(findMemoryFolder(probe, parent)).toBe(folder);
    chownSync(folder, SOMEBODY, SOMEBODY);
    new MemoryFolder(parent).close();
    expect(readdirSync(folder)).toHaveLength(3);
    expect(findMemoryFolder(probe, parent)).toBeNull();
    expect(() => requireMemoryFolder(folder, probe)).toThrow(expect.objectContaining({ code: 'PT_MEMORY_GONE' }));
    chownSync(folder, 0, 0);
    chownSync(join(folder, 'probe'), SOMEBODY, SOMEBODY);
    expect(findMemoryFolder(probe, parent)).toBeNull();
  });

  it('that others can reach are not used, and links to folders are not followed', () => {
    const probe = 'ab'.repeat(16);
    const folder = leave('elsewhere');
    writeFileSync(join(folder, 'probe'), probe);
    symlinkSync(folder, join(parent, 'pipetrain-1-deadbeef'));
    new MemoryFolder(parent).close();
    expect(readdirSync(folder)).toHaveLength(3);
    expect(findMemoryFolder(probe, parent)).toBeNull();
    const open = leave('pipetrain-x');
    writeFileSync(join(open, 'probe'), probe);
    chmodSync(open, 0o750);
    expect(findMemoryFolder(probe, parent)).toBeNull();
    chmodSync(open, 0o700);
    expect(findMemoryFolder(probe, parent)).toBe(open);
  });

  it.each([
    ['a pipe', (path: string) => execFileSync('mkfifo', [path])],
    ['a device', (path: string) => symlinkSync('/dev/zero', path)],
    ['a link to itself', (path: string) => symlinkSync(path, path)],
    ['a folder', (path: string) => mkdirSync(path)],
    ['a file without end', (path: string) => (writeFileSync(path, ''), truncateSync(path, 2 ** 40))],
  ])('whose probe is %s are passed by without waiting', (_, make) => {
    const folder = leave();
    rmSync(join(folder, 'probe'));
    make(join(folder, 'probe'));
    expect(findMemoryFolder('ab'.repeat(16), parent)).toBeNull();
    const memory = new MemoryFolder(parent);
    expect(existsSync(folder)).toBe(false);
    expect(findMemoryFolder(memory.probe, parent)).toBe(memory.path);
    memory.close();
  });

  it('cannot be made where there are no files to be made, and nothing is left', () => {
    writeFileSync(join(parent, 'file'), 'kept');
    for (const place of [...(process.platform === 'linux' ? ['/proc', '/sys'] : []), join(parent, 'file'), '/nowhere'])
      expect(() => new MemoryFolder(place), place).toThrow(
        expect.objectContaining({ code: 'PT_MEMORY_DIR', exitCode: 2 }),
      );
    expect(readdirSync(parent)).toEqual(['file']);
  });

  it.runIf(isRoot === false)('cannot be made where this user may not write', () => {
    chmodSync(parent, 0o500);
    expect(() => new MemoryFolder(parent)).toThrow(expect.objectContaining({ code: 'PT_MEMORY_DIR' }));
  });

  it('that were taken away are made anew under the same name, and what is mapped stays', () => {
    const memory = new MemoryFolder(parent);
    const file = MappedFile.create(join(memory.path, 'w0.b0.weights'), 64);
    file.float32(0, 1)[0] = 3;
    for (const victim of [memory.path, join(memory.path, 'lock'), join(memory.path, 'probe')]) {
      expect(memory.isThere).toBe(true);
      rmSync(victim, { recursive: true });
      expect(memory.isThere).toBe(false);
      memory.remake();
      expect(findMemoryFolder(memory.probe, parent)).toBe(memory.path);
    }
    expect(file.float32(0, 1)[0]).toBe(3);
    // It is held as before.
    const other = new MemoryFolder(parent);
    expect(readFileSync(join(memory.path, 'probe'), 'utf8')).toBe(memory.probe);
    file.close();
    other.close();
    memory.close();
    expect(readdirSync(parent)).toEqual([]);
  });
});
