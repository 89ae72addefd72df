import {
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ActivationCache } from '../../cache/activation-cache.js';
import { ActivationStore, type StoreShape } from '../../cache/activation-store.js';
import { CODECS } from '../../cache/codec.js';
import { StackedTiers } from '../../cache/stacked-tiers.js';
import { storeContents } from '../../cache/store-contents.js';
import { storeLayout } from '../../cache/store-layout.js';
import { memoryScratch } from './memory-scratch.js';

const FLOATS = 100;
const level = { recordFloats: FLOATS, numSamples: 10, depth: 2, digest: 'cd'.repeat(32) };
const rows = (ids: readonly number[]): Float32Array =>
  Float32Array.from(ids.flatMap((id) => Array.from({ length: FLOATS }, (_, i) => id + i / FLOATS)));

/** Memory for four samples, the rest on a disk. */
function stack(
  folder: string,
  change: Partial<StoreShape> = {},
): { tiers: StackedTiers; memory: ActivationStore; disk: ActivationStore } {
  mkdirSync(join(folder, 'disk'), { recursive: true });
  const memory = ActivationStore.attach(join(folder, 'memory'), {
    ...level,
    capBytes: storeLayout(FLOATS, 4).fileBytes + 64,
    ...change,
  });
  const disk = ActivationStore.attach(join(folder, 'index'), {
    ...level,
    firstSample: memory.capacity,
    capBytes: 2 ** 20,
    disk: join(folder, 'disk', 'records'),
    ...change,
  });
  return { tiers: new StackedTiers([memory, disk]), memory, disk };
}

describe('a cache with a disk below its memory', () => {
  it.each(CODECS.names)('gives back every sample from the tier that has it (%s)', (codec) => {
    const folder = memoryScratch();
    const { tiers, memory, disk } = stack(folder, { codec });
    const ids = [0, 3, 4, 9];
    for (const [row, id] of ids.entries()) tiers.write(id, rows(ids), row);
    const out = new Float32Array(FLOATS);
    for (const id of ids) {
      expect(tiers.read(id, out, 0)).toBe(true);
      // 10 / 127 / 2 is half a step of i8; halves of numbers below 16 are 1/128 apart.
      for (let i = 0; i < FLOATS; i++)
        expect(Math.abs((out[i] as number) - (id + i / FLOATS))).toBeLessThan(codec === 'f32' ? 1e-6 : 0.05);
    }
    expect(tiers.has(5)).toBe(false);
    expect([memory.numReady, disk.numReady]).toEqual(codec === 'f32' ? [2, 2] : [memory.numReady, 4 - memory.numReady]);
    expect([tiers.hits, tiers.bytes]).toEqual([4, memory.bytes + disk.bytes]);
    tiers.close();
  });

  it('keeps no record in memory that belongs on the disk', () => {
    const folder = memoryScratch();
    const { tiers } = stack(folder);
    tiers.write(8, rows([8]), 0);
    expect(statSync(join(folder, 'index')).size).toBe(storeLayout(FLOATS, 6).indexBytes);
    expect(readFileSync(join(folder, 'disk', 'records')).length).toBeGreaterThan(
      4 * storeLayout(FLOATS, 6).recordStride,
    );
    expect(storeContents(join(folder, 'index')).samples).toEqual([[8, 9]]);
    tiers.close();
    tiers.unlink();
    expect(existsSync(join(folder, 'disk', 'records'))).toBe(false);
  });

  it('is shared by all who attach, also when it is there already', () => {
    const folder = memoryScratch();
    const [one, two] = [stack(folder), stack(folder)];
    one.tiers.write(7, rows([7]), 0);
    const out = new Float32Array(FLOATS);
    expect(two.tiers.read(7, out, 0)).toBe(true);
    expect(out).toEqual(rows([7]));
    one.tiers.close();
    two.tiers.close();
  });

  it('finds a record damaged on the disk, and repairs it with the next write', () => {
    const folder = memoryScratch();
    const { tiers } = stack(folder);
    tiers.write(6, rows([6]), 0);
    const path = join(folder, 'disk', 'records');
    const bytes = readFileSync(path);
    bytes[2 * storeLayout(FLOATS, 6).recordStride + 17] = 0x55;
    writeFileSync(path, bytes);
    const out = new Float32Array(FLOATS);
    expect(tiers.read(6, out, 0)).toBe(false);
    tiers.write(6, rows([6]), 0);
    expect(tiers.read(6, out, 0)).toBe(true);
    tiers.close();
  });

  it('gives what was fetched ahead, once, and never what was overwritten since', async () => {
    const folder = memoryScratch();
    const { tiers } = stack(folder);
    for (const id of [4, 5, 6]) tiers.write(id, rows([id]), 0);
    tiers.prefetch([0, 4, 5, 7]);
    await sleep(50);
    // The file loses its end: only fetched records can still be read.
    truncateSync(join(folder, 'disk', 'records'), 0);
    const out = new Float32Array(FLOATS);
    expect(tiers.read(4, out, 0)).toBe(true);
    expect(out).toEqual(rows([4]));
    expect(() => tiers.read(4, out, 0)).toThrow('ends inside record 0');
    expect(() => tiers.read(6, out, 0)).toThrow('ends inside record 2');
    tiers.close();
  });

  it('may be closed while it fetches', async () => {
    const { tiers } = stack(memoryScratch());
    tiers.write(9, rows([9]), 0);
    tiers.prefetch([9]);
    tiers.close();
    await sleep(20);
    expect(() => tiers.has(9)).toThrow('is closed');
  });

  it.runIf(process.platform === 'linux')('switches itself off where the disk fails, unseen by the training', () => {
    const folder = memoryScratch();
    const { tiers } = stack(folder);
    const reasons: string[] = [];
    const cache = new ActivationCache({ current: tiers, onOff: (reason) => reasons.push(reason) });
    cache.store([1], [0], rows([1]));
    expect(cache.isOn).toBe(true);
    // As if the disk were gone: the file is shut behind the back of the store.
    closeSync(openFileOf(join(folder, 'disk', 'records')));
    cache.store([9], [0], rows([9]));
    expect(cache.isOn).toBe(false);
    expect(reasons).toEqual([expect.stringContaining('EBADF')]);
    expect(cache.load([1], new Float32Array(FLOATS))).toEqual({ hits: 0, missing: [0] });
  });

  it('does not follow a link to where its records should lie', () => {
    const folder = memoryScratch();
    const victim = join(folder, 'victim');
    writeFileSync(victim, 'precious');
    mkdirSync(join(folder, 'disk'));
    symlinkSync(victim, join(folder, 'disk', 'records'));
    expect(() => stack(folder)).toThrow(/ELOOP/);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });
});

const openFileOf = (path: string): number =>
  Number(readdirSync('/proc/self/fd').find((file) => linkOf(file) === path) ?? -1);

function linkOf(file: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${file}`);
  } catch {
    return ''; // the one of the listing itself
  }
}
