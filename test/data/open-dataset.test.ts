import { describe, expect, it } from 'vitest';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

describe('a length', () => {
  const rows = Array.from({ length: 5000 }, (_, i) => `text ${i}\t${i % 2}`).join('\n');
  it.each(['tsv:d.tsv', 'text:d.txt', 'synthetic:text', 'synthetic:copy', 'synthetic:sentiment'])(
    'of a sample that nobody could hold is refused with both numbers: %s',
    (source) => {
      const folder = scratchWith({ 'd.tsv': rows, 'd.txt': rows });
      for (const sequence of [2 ** 20 + 1, 100_000_000, 1e9])
        expect(errorOf(() => openDataset(source.replace(':d', `:${folder}/d`), { sequence }))).toMatchObject({
          code: 'PT_DATA_OPTION',
          message: expect.stringMatching(/sequence.*1048576/) as string,
        });
    },
  );

  it('that is many times the longest text is refused with both numbers', () => {
    const source = `tsv:${scratchWith({ 'd.tsv': rows })}/d.tsv`;
    expect(errorOf(() => openDataset(source, { sequence: 10_000 }))).toMatchObject({
      code: 'PT_DATA_OPTION',
      message: expect.stringContaining('sequence=10000 is 3333 times the longest text, which has 3 tokens') as string,
      hint: 'use sequence=3, which holds all',
    });
  });

  it('of all samples that together nobody could hold is refused before they are made', () => {
    const source = `tsv:${scratchWith({ 'd.tsv': rows })}/d.tsv`;
    expect(errorOf(() => openDataset(source, { sequence: 2 ** 20 }))).toMatchObject({
      code: 'PT_DATA_OPTION',
      message: expect.stringMatching(
        /5000 samples of sequence=1048576 tokens take 10485760000 bytes, at most/,
      ) as string,
      hint: expect.stringMatching(/use sequence=\d+ or less/) as string,
    });
  });
});

describe('openDataset', () => {
  it('names the nearest kind for one that does not exist', () => {
    const error = errorOf(() => openDataset('mnits:x', {}));
    expect(error.code).toBe('PT_DATA_KIND');
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain('Did you mean "mnist"?');
    expect(error.hint).toContain('sst2');
  });

  it('explains the form where the kind or the path is left out', () => {
    expect(errorOf(() => openDataset('plays.txt', {})).message).toContain('text:plays.txt');
    expect(errorOf(() => openDataset('text:', {})).message).toContain('text:PATH');
    expect(errorOf(() => openDataset('synthetic:digit', {})).message).toContain('Did you mean "digits"?');
    expect(errorOf(() => openDataset('synthetic:constructor', {})).code).toBe('PT_DATA_KIND');
  });

  it('keeps colons inside the path', () => {
    expect(errorOf(() => openDataset('text:C:\\no\\such', {})).message).toContain('C:\\no\\such');
  });
});

describe('synthetic', () => {
  it.each(['digits', 'copy', 'text', 'sentiment'])(
    'draws %s alike every time, and otherwise for another seed',
    (name) => {
      const open = (seed: number) => openDataset(`synthetic:${name}`, { samples: 50, seed });
      expect(open(1).digest).toBe(open(1).digest);
      expect(open(1).digest).not.toBe(open(2).digest);
      expect([open(1).numTrain, open(1).numValidation]).toEqual([40, 10]);
    },
  );

  it('draws digits of all classes that differ from each other', () => {
    const data = openDataset('synthetic:digits', { samples: 400, size: 16 });
    expect(data.info).toMatchObject({
      task: 'image-classification',
      classes: 10,
      fields: [{ shape: [16, 16] }, { shape: [] }],
    });
    const images = Array.from({ length: 400 }, (_, id) => fieldOf(data, id, 'image'));
    const labels = Array.from({ length: 400 }, (_, id) => fieldOf(data, id, 'label')[0] as number);
    expect(new Set(labels).size).toBe(10);
    // The nearest of 320 training images has the right class far more often than chance (10 %): there is something to
    // learn.
    const distance = (a: number[], b: number[]): number =>
      a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0);
    const right = images.slice(320).filter((image, i) => {
      const distances = images.slice(0, 320).map((known) => distance(image, known));
      return labels[distances.indexOf(Math.min(...distances))] === labels[320 + i];
    }).length;
    expect(right / 80).toBeGreaterThan(0.5);
  });

  it('repeats the first half in the copy task', () => {
    for (const sequence of [4, 5, 32, 33]) {
      const data = openDataset('synthetic:copy', { samples: 10, sequence });
      const half = Math.floor(sequence / 2);
      const tokens = fieldOf(data, 3, 'tokens');
      const targets = fieldOf(data, 3, 'targets');
      expect(targets.slice(0, -1)).toEqual(tokens.slice(1));
      expect(tokens[half]).toBe(16);
      expect(targets.slice(half, 2 * half)).toEqual(tokens.slice(0, half));
      expect(Math.max(...tokens, ...targets)).toBeLessThan(data.info.vocabulary as number);
    }
  });

  it('draws reviews whose mood follows from a denial', () => {
    const data = openDataset('synthetic:sentiment', { samples: 200 });
    const texts = Array.from({ length: 200 }, (_, id) => data.tokenizer?.decode(fieldOf(data, id, 'tokens')) ?? '');
    const labels = texts.map((_, id) => fieldOf(data, id, 'label')[0]);
    const good = texts.findIndex((text) => text.includes('wonderful') && !text.includes('not '));
    const denied = texts.findIndex((text) => text.includes('wonderful') && text.includes('not '));
    expect([labels[good], labels[denied]]).toEqual([1, 0]);
    expect(Math.abs(labels.filter((label) => label === 1).length - 100)).toBeLessThan(30);
  });

  it('tells a story in characters', () => {
    const data = openDataset('synthetic:text', { samples: 100, sequence: 32 });
    expect(data.tokenizer?.decode(fieldOf(data, 0, 'tokens'))).toMatch(/^(the|a|my) [a-z .]+/);
    expect((data.info.vocabulary as number) < 40).toBe(true);
  });
});
