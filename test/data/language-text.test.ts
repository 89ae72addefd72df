import { createHash } from 'node:crypto';
import { readFileSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { realData } from '../real-data.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

const file = (content: string | Uint8Array): string => join(scratchWith({ 'text.txt': content }), 'text.txt');
const alphabet = 'abcdefghij'.repeat(10);

describe('text', () => {
  it('cuts windows that do not overlap, with targets one token later', () => {
    const data = openDataset(`text:${file(alphabet)}`, { sequence: 4 });
    expect(data.info).toMatchObject({ task: 'language-model', classes: null, vocabulary: 10, sequence: 4 });
    // 90 characters train: 22 windows of 4 and the target of the last; 10 validate: 2 windows.
    expect([data.numTrain, data.numValidation]).toEqual([22, 2]);
    expect(fieldOf(data, 0, 'tokens')).toEqual([0, 1, 2, 3]);
    expect(fieldOf(data, 0, 'targets')).toEqual([1, 2, 3, 4]);
    expect(fieldOf(data, 21, 'tokens')).toEqual([4, 5, 6, 7]);
    expect(fieldOf(data, 22, 'tokens')).toEqual([0, 1, 2, 3]);
    expect(fieldOf(data, 23, 'targets')).toEqual([5, 6, 7, 8]);
  });

  it('passes over links of a folder that lead nowhere', () => {
    const folder = scratchWith({ 'a.txt': alphabet });
    symlinkSync('gone', join(folder, 'b.txt'));
    expect(openDataset(`text:${folder}`, { sequence: 4 }).numTrain).toBe(
      openDataset(`text:${file(`${alphabet}\n`)}`, { sequence: 4 }).numTrain,
    );
  });

  it('covers the training part without gap, for any text and window', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 40, maxLength: 200, unit: 'grapheme' }),
        fc.integer({ min: 1, max: 3 }),
        (text, sequence) => {
          const data = openDataset(`text:${file(text)}`, { sequence, tokenizer: 'bytes' });
          const ids = Array.from({ length: data.numTrain }, (_, id) => fieldOf(data, id, 'tokens')).flat();
          const bytes = [...new TextEncoder().encode(text)];
          expect(ids).toEqual(bytes.slice(0, ids.length));
          const targets = Array.from({ length: data.numTrain }, (_, id) => fieldOf(data, id, 'targets')).flat();
          expect(targets).toEqual(bytes.slice(1, ids.length + 1));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('encodes long texts piece by piece as it would at once', () => {
    const lines = Array.from({ length: 9000 }, (_, i) => `line ${i} of the text`).join('\n');
    const data = openDataset(`text:${file(lines)}`, { sequence: 1000, tokenizer: 'words' });
    const whole = data.tokenizer?.encode(lines) ?? [];
    const ids = Array.from({ length: data.numTrain }, (_, id) => fieldOf(data, id, 'tokens')).flat();
    expect(ids).toEqual(whole.slice(0, ids.length));
    expect(ids.length).toBeGreaterThan(39_000);
  });

  it('sorts characters and falls back to bytes above 256 of them', () => {
    expect(openDataset(`text:${file(alphabet)}`, { sequence: 4 }).tokenizer?.decode([0, 1, 9])).toBe('abj');
    const many = Array.from({ length: 300 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    expect(openDataset(`text:${file(many)}`, { sequence: 4 }).tokenizer?.name).toBe('bytes');
    expect(openDataset(`text:${file(many)}`, { sequence: 4, tokenizer: 'chars' }).info.vocabulary).toBe(300);
  });

  it('reads the text files of a folder in the order of their paths', () => {
    const path = scratchWith({
      'b.txt': 'bb',
      'a/z.txt': 'aa\n',
      'c.d.ts': 'cc',
      'picture.bin': Uint8Array.of(1, 0, 255),
      'zero.bin': Uint8Array.of(97, 0),
      '.hidden': 'hh',
      'd.txt': `${'d'.repeat(40)}\n`,
    });
    const textOf = (options: Record<string, unknown>): string => {
      const data = openDataset(`text:${path}`, { sequence: 1, tokenizer: 'bytes', ...options });
      return (
        data.tokenizer?.decode(
          Array.from({ length: data.numTrain }, (_, id) => fieldOf(data, id, 'tokens')[0] as number),
        ) ?? ''
      );
    };
    expect(textOf({})).toMatch(/^aa\nbb\ncc\nd+$/);
    expect(textOf({ match: '.txt' })).toMatch(/^aa\nbb\nd+$/);
    expect(textOf({ match: '*.txt' })).toBe(textOf({ match: '.txt' }));
    expect(errorOf(() => textOf({ match: '.md' })).message).toContain('.md');
    expect(errorOf(() => textOf({ maxBytes: 4 })).code).toBe('PT_DATA_SHORT');
  });

  it('reads only the beginning of a file when asked to, never half a character', () => {
    const data = openDataset(`text:${file('ä'.repeat(100))}`, { sequence: 1, maxBytes: 61 });
    // 30 characters: 27 train, which leave 26 windows.
    expect([data.numTrain, data.numValidation]).toEqual([26, 2]);
  });

  it('has the SHA-256 of its only file as digest', () => {
    expect(openDataset(`text:${file(alphabet)}`, { sequence: 4 }).digest).toBe(
      createHash('sha256').update(alphabet).digest('hex'),
    );
  });

  it('refuses a text shorter than a window', () => {
    const error = errorOf(() => openDataset(`text:${file(alphabet)}`, { sequence: 10 }));
    expect(error.code).toBe('PT_DATA_SHORT');
    expect(error.message).toContain('validation part has 10 tokens, one window needs 11');
    expect(error.hint).toContain('sequence');
  });

  it('refuses what is no text', () => {
    expect(errorOf(() => openDataset(`text:${file(Uint8Array.of(0xff, 0xfe, 0x41))}`, {})).code).toBe(
      'PT_DATA_ENCODING',
    );
    expect(errorOf(() => openDataset(`text:${file('')}`, {})).code).toBe('PT_DATA_EMPTY');
    expect(errorOf(() => openDataset('text:/no/such', {})).code).toBe('PT_DATA_MISSING');
    expect(errorOf(() => openDataset(`text:${scratchWith({})}`, {})).code).toBe('PT_DATA_EMPTY');
  });

  it.skipIf(realData === null)('reads the real plays (skipped where there is no real data)', () => {
    const path = join(realData as string, 'tinyshakespeare.txt');
    const data = openDataset(`text:${path}`, {});
    expect(data.info).toMatchObject({ vocabulary: 65, sequence: 128 });
    expect([data.numTrain, data.numValidation]).toEqual([
      Math.floor((1_003_854 - 1) / 128),
      Math.floor((111_540 - 1) / 128),
    ]);
    expect(data.tokenizer?.decode(fieldOf(data, data.numTrain, 'tokens'))).toBe(
      readFileSync(path, 'utf8').slice(1_003_854, 1_003_854 + 128),
    );
  });
});

describe('text that is larger than what is read', () => {
  const huge = (bytes: number): string => {
    const path = file(alphabet);
    truncateSync(path, bytes);
    return path;
  };

  it('is refused by its size, without being read', () => {
    const path = huge(2e12);
    expect(errorOf(() => openDataset(`text:${path}`, {}))).toMatchObject({
      code: 'PT_FILE_TOO_LARGE',
      message: expect.stringMatching(/has 2000000000000 bytes; at most \d+ bytes are read$/) as string,
      hint: expect.stringContaining('maxBytes') as string,
    });
  });

  it('is read as far as maxBytes says', () => {
    const data = openDataset(`text:${huge(2e12)}`, { sequence: 4, maxBytes: 100 });
    expect(data.digest).toBe(openDataset(`text:${file(alphabet)}`, { sequence: 4 }).digest);
    expect(data.tokenizer?.size).toBe(10);
  });

  it('never ends in a device, nor waits for a pipe', () => {
    for (const kind of ['text', 'tsv', 'csv'])
      expect(errorOf(() => openDataset(`${kind}:/dev/zero`, {})).code).toBe('PT_NOT_A_FILE');
  });
});
