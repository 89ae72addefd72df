// Files are read only where they are files, and only as far as was said.
import { execFileSync } from 'node:child_process';
import { openSync, symlinkSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openRegularFile, readBoundedFile, readBoundedText, readFileStart } from '../../engine/core/bounded-file.js';
import { errorOf } from '../error-of.js';
import { scratch, scratchWith } from '../scratch.js';

const LIMIT = { maxBytes: 1000, remedy: 'Take a part of it.' };

describe('a bounded file', () => {
  test.each([0, 1, 999, 1000])('of %i bytes is read whole', (length) => {
    const content = Buffer.alloc(length, 'x');
    const path = join(scratchWith({ file: content }), 'file');
    expect(readBoundedFile(path, LIMIT).equals(content)).toBe(true);
    expect(readBoundedText(path, LIMIT)).toBe(content.toString());
  });

  test('of one byte more is refused with both numbers and the remedy', () => {
    const path = join(scratchWith({ file: Buffer.alloc(1001) }), 'file');
    expect(errorOf(() => readBoundedFile(path, LIMIT))).toMatchObject({
      code: 'PT_FILE_TOO_LARGE',
      message: `${path} has 1001 bytes; at most 1000 are read`,
      hint: 'Take a part of it.',
    });
  });

  test('of a terabyte of holes is refused before a byte is read', () => {
    const path = join(scratchWith({ file: '' }), 'file');
    truncateSync(path, 1e12);
    expect(errorOf(() => readBoundedFile(path, LIMIT)).message).toContain('has 1000000000000 bytes');
  });

  test.skipIf(process.platform !== 'linux')('that tells no size (of the kernel) is read to its end, or refused', () => {
    expect(readBoundedText('/proc/self/stat', { ...LIMIT, maxBytes: 1e5 })).toContain(String(process.pid));
    expect(errorOf(() => readBoundedText('/proc/self/maps', LIMIT))).toMatchObject({ code: 'PT_FILE_TOO_LARGE' });
  });

  test('follows a link to a file, and passes on that there is none', () => {
    const folder = scratchWith({ file: 'content' });
    symlinkSync(join(folder, 'file'), join(folder, 'link'));
    expect(readBoundedText(join(folder, 'link'), LIMIT)).toBe('content');
    expect(() => readBoundedText(join(folder, 'none'), LIMIT)).toThrow('ENOENT');
  });
});

describe('what is no file is refused, and never waited for', () => {
  const refused = (path: string): string => {
    const error = errorOf(() => readBoundedFile(path, LIMIT));
    expect(error).toMatchObject({ code: 'PT_NOT_A_FILE' });
    expect(errorOf(() => openRegularFile(path))).toMatchObject({ code: 'PT_NOT_A_FILE' });
    return error.message.slice(path.length);
  };

  test('a folder', () => {
    expect(refused(scratch())).toBe(' is a folder, not a file');
  });

  test.skipIf(process.platform === 'win32')(
    'a device, a pipe without a writer, one with a silent writer, a socket',
    async () => {
      expect(refused('/dev/zero')).toBe(' is a device, not a file');
      const folder = scratch();
      execFileSync('mkfifo', [join(folder, 'pipe'), join(folder, 'silent')]);
      openSync(join(folder, 'silent'), 'r+');
      expect(refused(join(folder, 'pipe'))).toBe(' is a pipe, not a file');
      expect(refused(join(folder, 'silent'))).toBe(' is a pipe, not a file');
      const server = createServer().listen(join(folder, 'socket'));
      await new Promise((resolve) => server.once('listening', resolve));
      expect(refused(join(folder, 'socket'))).toBe(' is a socket, not a file');
      server.close();
    },
  );
});

test('the start of a file is as long as asked for, or the whole file', () => {
  const path = join(scratchWith({ file: 'content' }), 'file');
  expect([0, 3, 7, 8].map((bytes) => readFileStart(path, bytes).toString())).toEqual(['', 'con', 'content', 'content']);
  truncateSync(path, 1e12);
  expect(readFileStart(path, 10).toString()).toBe('content\0\0\0');
});
