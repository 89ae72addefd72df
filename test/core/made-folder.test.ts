// Folders that are made with those above them, and what is said where they cannot be.
import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../engine/core/made-folder.js';
import { scratch } from '../scratch.js';

const withCode = (code: string): Error => expect.objectContaining({ code }) as Error;

describe('a folder', () => {
  it('is made with those above it, all with its mode', () => {
    const above = join(scratch(), 'a');
    const path = join(above, 'b', 'c');
    makeFolder(path, 0o700);
    expect([above, path].map((each) => statSync(each).mode & 0o777)).toEqual([0o700, 0o700]);
  });

  it('may be there already, or be the end of a link', () => {
    const path = scratch();
    makeFolder(path);
    makeFolder(join(path, 'a', '..', 'b'));
    expect(existsSync(join(path, 'b'))).toBe(true);
    const link = join(path, 'link');
    symlinkSync(join(path, 'b'), link);
    makeFolder(link);
    makeFolder(join(link, 'c'));
    expect(existsSync(join(path, 'b', 'c'))).toBe(true);
  });

  it('is not made over a file, under one, or at the end of a link that leads nowhere', () => {
    const path = scratch();
    const file = join(path, 'file');
    writeFileSync(file, '');
    expect(() => makeFolder(file)).toThrow(withCode('EEXIST'));
    expect(() => makeFolder(join(file, 'a', 'b'))).toThrow(withCode('ENOTDIR'));
    symlinkSync(join(path, 'nowhere'), join(path, 'link'));
    expect(() => makeFolder(join(path, 'link'))).toThrow(withCode('EEXIST'));
    expect(() => makeFolder(join(path, 'link', 'a'))).toThrow(withCode('EEXIST'));
  });

  it.runIf(process.platform === 'linux')('is given up where the file system makes none', () => {
    expect(() => makeFolder('/proc/pipetrain')).toThrow(withCode('ENOENT'));
    expect(() => makeFolder('/proc/pipetrain/a/b')).toThrow(withCode('ENOENT'));
  });
});
