import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { WorkerError } from '../../engine/core/errors.js';
import { InvariantError } from '../../engine/core/invariant.js';
import { MappedFile, sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { scratch } from '../scratch.js';

describe('MappedFile', () => {
  let folder: string;
  beforeEach(() => {
    folder = scratch(sharedMemoryFolder());
  });
  const path = (): string => join(folder, 'memory');

  it('starts as zeros and shows every mapping the same bytes', () => {
    const one = MappedFile.create(path(), 10_000);
    const two = MappedFile.open(path());
    expect([one.bytes, two.bytes, two.buffer.byteLength]).toEqual([10_000, 10_000, 10_000]);
    expect(new Uint8Array(two.buffer).every((byte) => byte === 0)).toBe(true);
    one.float32(400, 3).set([1, 2, 3]);
    expect([...two.float32(396, 5)]).toEqual([0, 1, 2, 3, 0]);
    one.close();
    two.float32(9_996, 1).set([7]);
    expect(two.float32(9_996, 1)[0]).toBe(7);
    two.close();
  });

  it('is shared with another process, in both directions', () => {
    const file = MappedFile.create(path(), 4096);
    file.float32(0, 1)[0] = 21;
    // The other process uses plain file calls: what is mapped here is that file.
    execFileSync(process.execPath, [
      '-e',
      `const fs = require('fs'); const fd = fs.openSync(process.argv[1], 'r+'); const b = Buffer.alloc(4);
       fs.readSync(fd, b, 0, 4, 0); b.writeFloatLE(2 * b.readFloatLE(0)); fs.writeSync(fd, b, 0, 4, 8);`,
      path(),
    ]);
    expect(file.float32(8, 1)[0]).toBe(42);
    file.close();
  });

  it('keeps its memory after unlink until it is closed', () => {
    const file = MappedFile.create(path(), 4096);
    file.unlink();
    file.unlink();
    expect(existsSync(path())).toBe(false);
    file.float32(0, 1)[0] = 5;
    expect(file.float32(0, 1)[0]).toBe(5);
    file.close();
  });

  it('gives its memory back', () => {
    const maps = (): number => readFileSync('/proc/self/maps', 'utf8').split(path()).length - 1;
    const file = MappedFile.create(path(), 4096);
    const during = maps();
    file.close();
    file.close();
    expect([during, maps()]).toEqual([1, 0]);
    expect(() => file.buffer).toThrow(InvariantError);
  });

  it('fails at creation, with both numbers, where the memory does not suffice', () => {
    const { bavail, bsize } = statfsSync(folder);
    const wanted = bavail * bsize + 2 ** 40;
    let error: unknown;
    try {
      MappedFile.create(path(), wanted);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(WorkerError);
    const { code, message, hint } = error as WorkerError;
    expect(code).toBe('PT_SHM_FULL');
    expect(message).toContain(`${path()} wants ${wanted} bytes`);
    // Other tests use the same memory meanwhile, so the number itself is not compared.
    expect(message).toMatch(/has \d+ bytes free$/);
    expect(hint).toContain('shm');
    expect(existsSync(path())).toBe(false);
    expect(statfsSync(folder).bavail).toBeGreaterThan(0);
  });

  it.skipIf(process.platform !== 'linux')(
    'takes the memory of a sparse file piece by piece, and leaves alone what lies there',
    () => {
      const one = MappedFile.createSparse(path(), 1 << 20, 4096);
      const kilobytes = (): number => (statSync(path()).blocks * 512) / 1024;
      expect(statSync(path()).size).toBe(1 << 20);
      expect(kilobytes()).toBeLessThan(64);
      one.reserve(1 << 19, 1 << 18);
      expect(one.buffer.byteLength).toBe(4096);
      one.float32(0, 1).set([3]);
      new Float32Array(one.window(1 << 19, 64)).set([7], 1);
      const two = MappedFile.openGrowing(path(), 4, (head, bytes) =>
        bytes === 1 << 20 ? 64 * (new Float32Array(head)[0] as number) : 0,
      );
      two.reserve(1 << 19, 1 << 19);
      expect(two.buffer.byteLength).toBe(192);
      expect(new Float32Array(two.window((1 << 19) + 4, 4))).toEqual(new Float32Array([7]));
      expect(() => two.window((1 << 20) - 4, 8)).toThrow('of the 1048576 of');
      expect(kilobytes()).toBeGreaterThanOrEqual(512);
      one.close();
      two.close();
      const { bavail, bsize } = statfsSync(folder);
      expect(() => MappedFile.createSparse(join(folder, 'huge'), 2 * bavail * bsize, 64)).toThrow(
        /wants \d+ bytes of shared memory/,
      );
      expect(existsSync(join(folder, 'huge'))).toBe(false);
    },
  );

  it('names the file that it cannot create or open', () => {
    const file = MappedFile.create(path(), 64);
    expect(() => MappedFile.create(path(), 64)).toThrow(/memory cannot be created: EEXIST/);
    file.close();
    expect(() => MappedFile.open(join(folder, 'nothing'))).toThrow(/nothing cannot be opened: ENOENT/);
    writeFileSync(join(folder, 'empty'), '');
    expect(() => MappedFile.open(join(folder, 'empty'))).toThrow(/empty is empty/);
  });

  it('refuses views beyond its end', () => {
    const file = MappedFile.create(path(), 64);
    expect(() => file.float32(0, 17)).toThrow(InvariantError);
    file.close();
  });
});

describe('sharedMemoryFolder', () => {
  it('is a folder that exists', () => {
    expect(['/dev/shm', tmpdir()]).toContain(sharedMemoryFolder());
    expect(existsSync(sharedMemoryFolder())).toBe(true);
  });
});
