// Copies of whole files of shared memory: what is written is what a mapping sees and the other way round, and failures
// have names.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { MappedFile, sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { readMemory, writeMemory } from '../../engine/tensor/memory-copy.js';
import { scratch } from '../scratch.js';

/** Copies to one file. */
const write = (path: string, data: Float32Array, leastBytes = 4): Promise<void> =>
  writeMemory([{ path, data }], leastBytes);

describe('copies of shared memory', () => {
  let folder = '';
  beforeEach(() => {
    folder = scratch(sharedMemoryFolder());
  });

  it('are what a mapping of the file sees, also when they are written over', async () => {
    const path = join(folder, 'a');
    await write(path, Float32Array.of(1, 2, 3, 4));
    const mapped = MappedFile.open(path);
    await write(path, Float32Array.of(5, -0, NaN, Infinity));
    expect([...mapped.float32(0, 4)]).toEqual([5, -0, NaN, Infinity]);
    mapped.float32(0, 4)[2] = 7;
    const part = new Float32Array(2);
    readMemory(path, 8, part);
    expect([...part]).toEqual([7, Infinity]);
    mapped.close();
  });

  it('write a view, not what lies around it', async () => {
    const path = join(folder, 'a');
    await write(path, Float32Array.of(1, 2, 3, 4).subarray(1, 3));
    expect(statSync(path).size).toBe(8);
    const back = new Float32Array(4);
    readMemory(path, 0, back.subarray(2));
    expect([...back]).toEqual([0, 0, 2, 3]);
  });

  it('of nothing are a few zeros, which can be mapped', async () => {
    const path = join(folder, 'a');
    await write(path, new Float32Array(0), 64);
    expect(statSync(path).size).toBe(64);
  });

  it('name both sizes where the file is too short, and the file where there is none', async () => {
    const path = join(folder, 'a');
    expect(() => {
      readMemory(path, 0, new Float32Array(1));
    }).toThrow(expect.objectContaining({ code: 'PT_SHM_FILE' }));
    await write(path, new Float32Array(3));
    expect(() => {
      readMemory(path, 4, new Float32Array(4));
    }).toThrow(/has 12 bytes, 20 are needed/);
  });

  it('that do not fit together leave no file behind', async () => {
    const large = { byteLength: 2 ** 50, byteOffset: 0, buffer: new ArrayBuffer(0) } as unknown as Float32Array;
    const paths = ['a', 'b'].map((name) => join(folder, name));
    await expect(
      writeMemory(
        paths.map((path, i) => ({ path, data: i === 0 ? new Float32Array(4) : large })),
        4,
      ),
    ).rejects.toThrow(expect.objectContaining({ code: 'PT_SHM_FULL' }));
    expect(paths.filter((path) => existsSync(path))).toEqual([]);
  });
});

describe('files of shared memory that are not what they should be', () => {
  it.each([
    ['write', (path: string) => write(path, new Float32Array(2048).fill(1))],
    ['read', (path: string) => readMemory(path, 0, new Float32Array(1))],
    ['map', (path: string) => MappedFile.open(path).close()],
    ['make', (path: string) => MappedFile.create(path, 64).close()],
  ])('are refused: %s follows no link, waits for no pipe, and maps no device', async (_, use) => {
    const folder = scratch(sharedMemoryFolder());
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'precious', { mode: 0o600 });
    const [link, pipe, device, nothing] = ['link', 'pipe', 'device', 'nothing'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    symlinkSync(victim, link);
    symlinkSync('/dev/zero', device);
    symlinkSync(join(folder, 'not-there'), nothing);
    execFileSync('mkfifo', [pipe]);
    for (const path of [link, pipe, device, nothing])
      await expect(Promise.resolve(path).then(use), path).rejects.toThrow(
        expect.objectContaining({ code: 'PT_SHM_FILE' }),
      );
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(existsSync(join(folder, 'not-there'))).toBe(false);
  });

  it('are refused where others may write them, or their size is another one', async () => {
    const path = join(scratch(sharedMemoryFolder()), 'a');
    await write(path, new Float32Array(4));
    await expect(write(path, new Float32Array(5))).rejects.toThrow(/has 16 bytes, 20 are to be written/);
    expect(() => MappedFile.open(path, 20)).toThrow(/has 16 bytes, 20 are needed/);
    chmodSync(path, 0o666);
    expect(() => MappedFile.open(path)).toThrow(/can be written by others than its owner \(mode 666\)/);
  });
});
