import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { realData } from '../real-data.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

const train = 'a good film\t1\na bad film\t0\ngood good\t1\n';
const dev = 'a new good film\t1\nbad\t0';
const both = (change: Record<string, string> = {}): string =>
  scratchWith({ 'train.tsv': train, 'dev.tsv': dev, ...change });

describe('tsv', () => {
  it('frames words: class token, ids by frequency, padding, mask', () => {
    const data = openDataset(`tsv:${both()}`, { sequence: 6 });
    expect([data.numTrain, data.numValidation]).toEqual([3, 2]);
    expect(data.info).toMatchObject({ task: 'text-classification', classes: 2, vocabulary: 7, sequence: 6 });
    // [PAD] 0, [UNK] 1, [CLS] 2, good 3 (three times), then a 4 and film 5 (twice), bad 6.
    expect(fieldOf(data, 0, 'tokens')).toEqual([2, 4, 3, 5, 0, 0]);
    expect(fieldOf(data, 0, 'mask')).toEqual([1, 1, 1, 1, 0, 0]);
    expect(fieldOf(data, 3, 'tokens')).toEqual([2, 4, 1, 3, 5, 0]);
    expect([0, 1, 2, 3, 4].map((id) => fieldOf(data, id, 'label')[0])).toEqual([1, 0, 1, 1, 0]);
  });

  it('cuts texts that are too long', () => {
    const data = openDataset(`tsv:${both()}`, { sequence: 3 });
    expect(fieldOf(data, 0, 'tokens')).toEqual([2, 4, 3]);
    expect(fieldOf(data, 0, 'mask')).toEqual([1, 1, 1]);
  });

  it('overwrites the mask of a longer sample that stood in the row before', () => {
    const data = openDataset(`tsv:${both()}`, { sequence: 6 });
    const out = new Float32Array(6);
    data.read(0, 'mask', out, 0);
    data.read(4, 'mask', out, 0);
    expect([...out]).toEqual([1, 1, 0, 0, 0, 0]);
  });

  it('chooses a length that holds the training texts where none is given', () => {
    expect(openDataset(`tsv:${both()}`, {}).info.sequence).toBe(8);
    expect(openDataset(`tsv:${both()}`, {}, { sequence: 5 }).info.sequence).toBe(5);
    expect(openDataset(`tsv:${both()}`, { sequence: 4 }, { sequence: 5 }).info.sequence).toBe(4);
  });

  it('keeps only the most frequent words when asked to', () => {
    const data = openDataset(`tsv:${both()}`, { sequence: 4, vocabulary: 2 });
    expect(data.info.vocabulary).toBe(5);
    expect(fieldOf(data, 1, 'tokens')).toEqual([2, 4, 1, 1]);
  });

  it('takes a tenth of a single file to validate', () => {
    const lines = Array.from({ length: 25 }, (_, i) => `text ${i}\t${i % 2}`).join('\n');
    const data = openDataset(`tsv:${join(scratchWith({ 'all.tsv': lines }), 'all.tsv')}`, {});
    expect([data.numTrain, data.numValidation]).toEqual([23, 2]);
    expect([23, 24].map((id) => fieldOf(data, id, 'label')[0])).toEqual(expect.arrayContaining([0, 1]));
  });

  it('numbers labels by value where all are numbers, by name otherwise', () => {
    const labels = (...names: string[]): number[] => {
      const lines = names.map((name, i) => `x${i}\t${name}`);
      const folder = scratchWith({ 'train.tsv': lines.join('\n'), 'dev.tsv': lines[0] ?? '' });
      const data = openDataset(`tsv:${folder}`, { heading: false });
      return names.map((_, id) => fieldOf(data, id, 'label')[0] as number);
    };
    expect(labels('10', '9', '-1')).toEqual([2, 1, 0]);
    expect(labels('sports', 'art', 'news', 'art')).toEqual([2, 0, 1, 0]);
  });

  it('keeps the names of the labels by their ids', () => {
    const folder = scratchWith({ 'train.tsv': 'x\tsports\ny\tart\nz\tnews', 'dev.tsv': 'x\tart' });
    expect(openDataset(`tsv:${folder}`, { heading: false }).labels).toEqual(['art', 'news', 'sports']);
    expect(openDataset('synthetic:sentiment', {}).labels).toEqual(['bad', 'good']);
    expect(openDataset('synthetic:digits', { samples: 5 }).labels).toEqual([...'0123456789']);
    expect(openDataset('synthetic:copy', { samples: 5 }).labels).toEqual([]);
  });

  it('passes over a heading, blank lines and Windows line ends', () => {
    const data = openDataset(
      `tsv:${scratchWith({ 'train.tsv': 'sentence\tlabel\r\ngood\t1\r\n\r\nbad\t0\r\n', 'valid.tsv': 'good\t1' })}`,
      {},
    );
    expect(data.numTrain).toBe(2);
    expect(data.info.classes).toBe(2);
  });

  it('takes no tab into a text', () => {
    const error = errorOf(() => openDataset(`tsv:${both({ 'train.tsv': 'a\tb\t1\nc\t0' })}`, {}));
    expect(error).toMatchObject({ code: 'PT_DATA_FIELDS', hint: expect.stringContaining('spaces') as string });
    expect(error.message).toContain('train.tsv:2: 2 fields, line 1 has 3');
  });

  it('uses the vocab.txt beside the data, or the one that is named', () => {
    const vocab = '[PAD]\n[UNK]\n[CLS]\n[SEP]\ngo\n##od\nfilm\n';
    const data = openDataset(`tsv:${both({ 'vocab.txt': vocab })}`, { sequence: 6 });
    expect(data.tokenizer?.name).toBe('wordpiece');
    expect(fieldOf(data, 0, 'tokens')).toEqual([2, 1, 4, 5, 6, 3]);
    // Cut, it still ends in the separator.
    const short = openDataset(`tsv:${both()}`, { sequence: 4, vocab: join(scratchWith({ 'v.txt': vocab }), 'v.txt') });
    expect(fieldOf(short, 0, 'tokens')).toEqual([2, 1, 4, 3]);
    expect(fieldOf(short, 0, 'mask')).toEqual([1, 1, 1, 1]);
  });

  it('offers characters and bytes', () => {
    const chars = openDataset(`tsv:${both()}`, { tokenizer: 'chars', sequence: 4 });
    expect(chars.tokenizer?.decode(fieldOf(chars, 1, 'tokens'))).toBe('a b');
    const bytes = openDataset(`tsv:${both()}`, { tokenizer: 'bytes', sequence: 4 });
    expect(bytes.info.vocabulary).toBe(259);
    expect(bytes.tokenizer?.decode(fieldOf(bytes, 1, 'tokens'))).toBe('a b');
  });

  it('depends on every file that was read, and on nothing else', () => {
    const digest = (change: Record<string, string>): string => openDataset(`tsv:${both(change)}`, {}).digest;
    expect(digest({})).toBe(digest({ 'test.tsv': 'x\t1' }));
    expect(digest({})).not.toBe(digest({ 'dev.tsv': 'bad\t0' }));
    // The same lines, one of them moved from one file to the other.
    expect(digest({ 'train.tsv': `${train}bad\t0\n`, 'dev.tsv': 'good\t1' })).not.toBe(
      digest({ 'train.tsv': train, 'dev.tsv': 'bad\t0\ngood\t1' }),
    );
  });

  const cases: [name: string, path: () => string, code: string, words: string[]][] = [
    ['a path that does not exist', () => '/no/such.tsv', 'PT_DATA_MISSING', ['/no/such.tsv']],
    ['a folder without train.tsv', () => scratchWith({ 'train.csv': 'a,1' }), 'PT_DATA_MISSING', ['no train.tsv']],
    [
      'a line without a tab',
      () => both({ 'dev.tsv': 'good\t1\n\nno label here\n' }),
      'PT_DATA_SEPARATOR',
      ['dev.tsv:3'],
    ],
    ['a line without a label', () => both({ 'dev.tsv': 'good\t\n' }), 'PT_DATA_LABEL', ['dev.tsv:1', 'empty']],
    [
      'a label that training does not know',
      () => both({ 'dev.tsv': 'good\t1\nbad\t7\n' }),
      'PT_DATA_LABEL',
      ['dev.tsv:2', '"7"', '2 labels', '0, 1'],
    ],
    ['an empty file', () => both({ 'dev.tsv': '' }), 'PT_DATA_EMPTY', ['dev.tsv', '0 bytes']],
    ['a file of blank lines', () => both({ 'dev.tsv': '\n\n' }), 'PT_DATA_EMPTY', ['0 lines']],
    ['one label only', () => both({ 'train.tsv': 'a\t1\nb\t1' }), 'PT_DATA_CLASSES', ['1 label', 'at least 2']],
    [
      'too few lines to validate',
      () => join(scratchWith({ 'a.tsv': 'a\t1\nb\t0' }), 'a.tsv'),
      'PT_DATA_SIZE',
      ['2 samples', 'at least 10'],
    ],
    [
      'a vocabulary without special tokens',
      () => both({ 'vocab.txt': '[PAD]\na\n' }),
      'PT_DATA_VOCABULARY',
      ['2 tokens', '[UNK]'],
    ],
  ];
  it.each(cases)('refuses %s', (_, path, code, words) => {
    const error = errorOf(() => openDataset(`tsv:${path()}`, {}));
    expect(error.code).toBe(code);
    expect(error.exitCode).toBe(3);
    for (const word of words) expect(error.message).toContain(word);
  });

  it('refuses text that is not UTF-8', () => {
    const error = errorOf(() =>
      openDataset(`tsv:${scratchWith({ 'train.tsv': Uint8Array.of(0x61, 0xff, 0x09, 0x31) })}`, {}),
    );
    expect(error.code).toBe('PT_DATA_ENCODING');
  });

  it('refuses options that make no sense', () => {
    expect(errorOf(() => openDataset(`tsv:${both()}`, { tokenizer: 'wordpiece' })).message).toContain('vocab.txt');
    expect(errorOf(() => openDataset(`tsv:${both()}`, { tokenizer: 'word' })).message).toContain('"tokenizer"');
    expect(errorOf(() => openDataset(`tsv:${both()}`, { sequence: 1 })).message).toContain('(given: 1)');
    expect(errorOf(() => openDataset(`tsv:${both()}`, { seqence: 8 })).message).toContain('Did you mean "sequence"?');
  });
});

describe('csv', () => {
  const open = (train: string) =>
    openDataset(`csv:${scratchWith({ 'train.csv': train, 'dev.csv': 'good,1' })}`, {
      tokenizer: 'bytes',
      sequence: 40,
    });
  const textOf = (train: string, id: number): string => {
    const data = open(train);
    return data.tokenizer?.decode(fieldOf(data, id, 'tokens')) ?? '';
  };

  it('understands quotes, doubled quotes, commas and line breaks inside', () => {
    const content = 'text,label\n"one, two",0\r\n"she said ""no""",1\n"two\nlines",0\nplain,1\n';
    expect([0, 1, 2, 3].map((id) => textOf(content, id))).toEqual(['one, two', 'she said "no"', 'two\nlines', 'plain']);
    expect([0, 1, 2, 3].map((id) => fieldOf(open(content), id, 'label')[0])).toEqual([0, 1, 0, 1]);
  });

  it('names the line where a record begins', () => {
    const line = (content: string): [string, string] => {
      const error = errorOf(() => open(content));
      return [error.code, /train\.csv:\d+/.exec(error.message)?.[0] ?? ''];
    };
    expect(line('"a\nb",0\nno label\n')).toEqual(['PT_DATA_SEPARATOR', 'train.csv:3']);
    expect(line('a,0\nb, c,1\n')).toEqual(['PT_DATA_FIELDS', 'train.csv:2']);
    expect(line('a,0\n"b,1\nc,1\n')).toEqual(['PT_DATA_QUOTE', 'train.csv:2']);
    expect(line('"a"b,0\n')).toEqual(['PT_DATA_QUOTE', 'train.csv:1']);
    expect(line('a,0\n\n"b",\n')).toEqual(['PT_DATA_LABEL', 'train.csv:3']);
  });
});

describe('sst2', () => {
  it('wants a folder', () => {
    const error = errorOf(() => openDataset(`sst2:${join(both(), 'train.tsv')}`, {}));
    expect(error.code).toBe('PT_DATA_FOLDER');
    expect(error.hint).toContain('tsv:train.tsv');
  });

  it.skipIf(realData === null)('reads the real sentences (skipped where there is no real data)', () => {
    const data = openDataset(`sst2:${join(realData as string, 'sst2')}`, {});
    expect([data.numTrain, data.numValidation, data.info.classes]).toEqual([6920, 872, 2]);
    expect(data.info.vocabulary).toBe(8003);
    expect(data.tokenizer?.decode(fieldOf(data, 1, 'tokens').filter((id) => id > 2))).toBe(
      'apparently from the cutting room floor of any given daytime soap',
    );
    const lengths = Array.from({ length: data.numTrain }, (_, id) =>
      fieldOf(data, id, 'mask').reduce((sum, one) => sum + one),
    );
    const T = data.info.sequence as number;
    expect(lengths.filter((length) => length === T).length / lengths.length).toBeLessThan(0.02);
  });
});

describe('labelled text that would take more than there is', () => {
  const tsvOf = (content: string | Uint8Array, name = 'd.tsv'): string => join(scratchWith({ [name]: content }), name);
  const lines = 'a good film\t1\na bad film\t0\n'.repeat(20);

  it('is refused where one sample is longer than any text', () => {
    expect(errorOf(() => openDataset(`tsv:${tsvOf(`${'x'.repeat(2 ** 22)}\t1\n${lines}`)}`, {}))).toMatchObject({
      code: 'PT_DATA_LINE',
      message: expect.stringContaining(':1: a sample of 4194305 characters; at most 4194304') as string,
    });
  });

  it('tells of a line of many fields how many, and no more than is worth telling', () => {
    const path = tsvOf(`${'x,'.repeat(1e5)}x\n`, 'd.csv');
    const error = errorOf(() => openDataset(`csv:${path}`, {}));
    expect(error.code).toBe('PT_DATA_COLUMNS');
    expect(error.message).toContain('100001 columns');
    expect(error.message.length).toBeLessThan(400);
  });

  it('is read where it is blank for a million lines', () => {
    expect(openDataset(`tsv:${tsvOf(`${'\n'.repeat(1e6)}${lines}`)}`, {}).numTrain).toBe(36);
    expect(errorOf(() => openDataset(`tsv:${tsvOf('\n'.repeat(1e6))}`, {})).code).toBe('PT_DATA_EMPTY');
  });

  it('is cut to what a sample holds, as short ones are padded', () => {
    const path = tsvOf(`${'a b '.repeat(300)}\t1\n${lines}`);
    const whole = openDataset(`tsv:${path}`, { sequence: 700 });
    const cut = openDataset(`tsv:${path}`, { sequence: 20 });
    expect(fieldOf(cut, 0, 'tokens')).toEqual(fieldOf(whole, 0, 'tokens').slice(0, 20));
    expect(fieldOf(whole, 0, 'mask').reduce((sum, one) => sum + one, 0)).toBe(601);
    expect(fieldOf(cut, 1, 'tokens')).toEqual(fieldOf(whole, 1, 'tokens').slice(0, 20));
  });
});
