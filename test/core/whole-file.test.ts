// Files that are written whole: nobody finds half of one, and nobody can have prepared the place where it is made.
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeWholeFile } from '../../engine/core/whole-file.js';
import { scratch } from '../scratch.js';

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('a file that is written whole', () => {
  it('takes the place of the one before, and leaves nothing beside it', () => {
    const folder = scratch();
    const path = join(folder, 'file');
    writeWholeFile(path, 'one');
    writeWholeFile(path, Uint8Array.of(116, 119, 111));
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('has the mode of a secret from its first byte, whatever was there before and whatever the mask is', () => {
    const folder = scratch();
    const path = join(folder, 'secret.json');
    // What somebody else could have left: the file itself, and what its draft may have been called.
    writeFileSync(path, '');
    writeFileSync(`${path}.tmp`, '');
    for (const file of [path, `${path}.tmp`]) chmodSync(file, 0o666);
    const before = process.umask(0);
    try {
      writeWholeFile(path, 'token', { mode: 0o600 });
    } finally {
      process.umask(before);
    }
    expect(modeOf(path)).toBe('600');
    expect(readFileSync(`${path}.tmp`, 'utf8')).toBe('');
  });

  it('replaces a link, and does not write where it leads', () => {
    const folder = scratch();
    writeFileSync(join(folder, 'elsewhere'), 'untouched');
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'file'));
    writeWholeFile(join(folder, 'file'), 'new');
    expect(readFileSync(join(folder, 'elsewhere'), 'utf8')).toBe('untouched');
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('new');
  });

  it('leaves what was there, and no draft, where it cannot be put in place', () => {
    const folder = scratch();
    mkdirSync(join(folder, 'file', 'inner'), { recursive: true });
    expect(() => writeWholeFile(join(folder, 'file'), 'new')).toThrow();
    expect(readdirSync(folder)).toEqual(['file']);
  });
});
