// What is kept between runs: whole or not at all, never an error, never more than is allowed.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DiskCache } from '../../engine/core/disk-cache.js';
import { scratch } from '../scratch.js';

let root = '';
beforeAll(() => {
  root = scratch();
});

let count = 0;
const fresh = (capBytes = 1 << 20): { readonly cache: DiskCache; readonly folder: string } => {
  const folder = join(root, `cache${count++}`);
  return { cache: new DiskCache(folder, capBytes), folder };
};
const filesOf = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name));
const text = (payload: Buffer | null): string | null => payload?.toString() ?? null;

describe('the disk cache', () => {
  it('gives back what was kept under exactly that key, in another process too', () => {
    const { cache, folder } = fresh();
    cache.put('a', Buffer.from('one'));
    cache.put('b', Buffer.from(''));
    const other = new DiskCache(folder, 1 << 20);
    expect(text(other.get('a'))).toBe('one');
    expect(text(other.get('b'))).toBe('');
    expect(other.get('A')).toBeNull();
    cache.put('a', Buffer.from('two'));
    expect(text(other.get('a'))).toBe('two');
  });

  it('has nothing for a damaged, shortened or swapped file, and removes it', () => {
    const { cache, folder } = fresh();
    const put = (key: string): string => {
      const before = new Set(filesOf(folder));
      cache.put(key, Buffer.from(`payload of ${key}`));
      return filesOf(folder).find((file) => !before.has(file)) ?? '';
    };
    cache.put('first', Buffer.from('x'));
    const [flipped, short, empty, swapped] = ['flipped', 'short', 'empty', 'swapped'].map(put) as [
      string,
      string,
      string,
      string,
    ];
    const bytes = readFileSync(flipped);
    bytes[40] = (bytes[40] as number) ^ 1;
    writeFileSync(flipped, bytes);
    truncateSync(short, 35);
    truncateSync(empty, 0);
    const whole = put('whole');
    writeFileSync(swapped, readFileSync(whole));
    for (const key of ['flipped', 'short', 'empty', 'swapped']) expect(cache.get(key), key).toBeNull();
    expect(filesOf(folder)).toHaveLength(2);
    expect(text(cache.get('whole'))).toBe('payload of whole');
    cache.put('flipped', Buffer.from('again'));
    expect(text(cache.get('flipped'))).toBe('again');
  });

  it('removes what was not read for the longest time when the cap is reached', () => {
    // 32 bytes of digest and 68 of payload each.
    const { cache, folder } = fresh(300);
    const payload = Buffer.alloc(68);
    for (const [age, key] of ['a', 'b', 'c'].entries()) {
      const before = new Set(filesOfOrNone(folder));
      cache.put(key, payload);
      const file = filesOf(folder).find((name) => !before.has(name)) ?? '';
      utimesSync(file, 1000 + age, 1000 + age);
    }
    expect(cache.get('a')).not.toBeNull();
    cache.put('d', payload);
    expect(cache.get('b')).toBeNull();
    for (const key of ['a', 'c', 'd']) expect(cache.get(key), key).not.toBeNull();
    cache.put('too large', Buffer.alloc(301));
    expect(cache.get('too large')).toBeNull();
    expect(filesOf(folder)).toHaveLength(3);
  });

  it('is empty, and no error, where its folder cannot be', () => {
    const file = join(root, 'a-file');
    writeFileSync(file, '');
    const cache = new DiskCache(join(file, 'below'), 1 << 20);
    cache.put('a', Buffer.from('one'));
    expect(cache.get('a')).toBeNull();
  });
});

function filesOfOrNone(folder: string): string[] {
  try {
    return filesOf(folder);
  } catch {
    return [];
  }
}

describe.skipIf(process.platform === 'win32')('a cache that others can write', () => {
  const entryOf = (folder: string): string => filesOf(folder)[0] ?? '';

  it('gives nothing, takes nothing, and says why; where others may only look it is one like any other', () => {
    const { cache, folder } = fresh();
    expect(cache.problem).toBeNull();
    cache.put('a', Buffer.from('one'));
    for (const mode of [0o777, 0o770, 0o1777, 0o720]) {
      chmodSync(folder, mode);
      expect(cache.get('a')).toBeNull();
      cache.put('b', Buffer.from('two'));
      expect(cache.problem).toBe(`${folder} can be written by others than its owner (mode ${mode.toString(8)})`);
    }
    chmodSync(folder, 0o755);
    expect([cache.problem, text(cache.get('a')), cache.get('b')]).toEqual([null, 'one', null]);
    expect(filesOf(folder)).toHaveLength(1);
  });

  it('has no entry that others could have written, that is a link, or that has no end', () => {
    const { cache, folder } = fresh();
    cache.put('a', Buffer.from('one'));
    const entry = entryOf(folder);
    expect(statSync(entry).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    chmodSync(entry, 0o666);
    expect(cache.get('a')).toBeNull();
    const elsewhere = join(root, 'elsewhere');
    renameSync(entry, elsewhere);
    chmodSync(elsewhere, 0o600);
    symlinkSync(elsewhere, entry);
    expect(cache.get('a')).toBeNull();
    expect(existsSync(elsewhere)).toBe(true);
    for (const make of [() => execFileSync('mkfifo', [entry]), () => symlinkSync('/dev/zero', entry)]) {
      rmSync(entry);
      make();
      expect(cache.get('a')).toBeNull();
    }
    cache.put('a', Buffer.from('again'));
    expect(text(cache.get('a'))).toBe('again');
  });

  it.runIf(process.getuid?.() === 0)(
    'is not used where it, an entry, or the link that leads to it is of another user',
    () => {
      const { cache, folder } = fresh();
      cache.put('a', Buffer.from('one'));
      const link = `${folder}-link`;
      symlinkSync(folder, link);
      const linked = new DiskCache(link, 1 << 20);
      expect(text(linked.get('a'))).toBe('one');
      lchownSync(link, 54_321, 54_321);
      expect([linked.get('a'), linked.problem]).toEqual([null, `${link} is a link`]);
      chownSync(entryOf(folder), 54_321, 54_321);
      expect(cache.get('a')).toBeNull();
      chownSync(entryOf(folder), 0, 0);
      chownSync(folder, 54_321, 54_321);
      expect([cache.get('a'), cache.problem]).toEqual([
        null,
        `${folder} belongs to user 54321, this process to user 0`,
      ]);
    },
  );

  it('removes nothing but what it has put there itself', () => {
    const { cache, folder } = fresh(300);
    mkdirSync(folder, { mode: 0o700 });
    const foreign = ['notes.tmp', 'letter.entry', 'x'.repeat(64) + '.entry.tmp'].map((name) => join(folder, name));
    for (const path of foreign) {
      writeFileSync(path, 'y'.repeat(500));
      utimesSync(path, 1000, 1000);
    }
    for (const key of ['a', 'b', 'c', 'd']) cache.put(key, Buffer.alloc(68));
    expect(foreign.filter((path) => !existsSync(path))).toEqual([]);
    expect(filesOf(folder)).toHaveLength(foreign.length + 3);
  });
});
