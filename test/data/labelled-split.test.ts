// The validation part of one file, drawn by class from a seed; what is told of both parts.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataDoubts } from '../../engine/data/data-doubts.js';
import type { Dataset } from '../../engine/data/dataset.js';
import { limitDataset } from '../../engine/data/limited-dataset.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { stratifiedDraw } from '../../engine/data/stratified-draw.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';
import { idx } from './idx-files.js';

/** A file sorted by label: so many lines of each. */
const sorted = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .flatMap(([label, count]) => Array.from({ length: count }, (_, i) => `text ${label} ${i}\t${label}`))
    .join('\n');
const open = (content: string, options = {}): Dataset =>
  openDataset(`tsv:${join(scratchWith({ 'd.tsv': content }), 'd.tsv')}`, options);
const labelsOf = (data: Dataset, from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => fieldOf(data, from + i, 'label')[0] as number);
const validationOf = (data: Dataset): number[] => labelsOf(data, data.numTrain, data.numTrain + data.numValidation);
const countOf = (labels: readonly number[], id: number): number => labels.filter((label) => label === id).length;
const tokensOf = (data: Dataset): string =>
  Array.from({ length: data.numValidation }, (_, i) => fieldOf(data, data.numTrain + i, 'tokens').join()).join('\n');

describe('the validation part of one file', () => {
  it('has of every class its share, however the file is sorted', () => {
    const data = open(sorted({ a: 60, b: 30, c: 10 }));
    expect([data.numTrain, data.numValidation]).toEqual([90, 10]);
    expect([0, 1, 2].map((id) => countOf(validationOf(data), id))).toEqual([6, 3, 1]);
    expect(labelsOf(data, 0, 90)).toEqual([...labelsOf(data, 0, 90)].sort());
    expect(data.summary?.split).toEqual({ how: 'drawn', share: 0.1, seed: 1 });
  });

  it('is the same every time, and another one for another seed or share', () => {
    const content = sorted({ a: 60, b: 60 });
    expect(tokensOf(open(content))).toBe(tokensOf(open(content)));
    expect(open(content).digest).toBe(open(content).digest);
    expect(tokensOf(open(content, { splitSeed: 2 }))).not.toBe(tokensOf(open(content)));
    expect(open(content, { splitSeed: 2 }).digest).not.toBe(open(content).digest);
    expect(open(content, { validation: 0.25 }).numValidation).toBe(30);
  });

  it('leaves a class with one sample to training', () => {
    const data = open(sorted({ a: 30, b: 30, c: 1 }), { heading: false });
    expect(countOf(validationOf(data), 2)).toBe(0);
    expect(data.summary?.classes?.absent).toEqual({ count: 1, names: ['c'] });
  });
});

describe('a limit on sorted samples', () => {
  it('keeps every class', () => {
    const data = open(sorted({ a: 100, b: 100 }), { maxTrain: 10, maxValidation: 4 });
    expect([countOf(labelsOf(data, 0, 10), 0), countOf(validationOf(data), 0)]).toEqual([5, 2]);
    expect(data.summary?.limits).toMatchObject([
      { part: 'training', kept: 10, of: 180 },
      { part: 'validation', kept: 4, of: 20 },
    ]);
    const few = limitDataset(open(sorted({ a: 100, b: 100 })), 6);
    expect([countOf(labelsOf(few, 0, 6), 0), countOf(validationOf(few), 0)]).toEqual([3, 3]);
  });

  it('tells the same of what is left, whichever setting limits', () => {
    const content = `${sorted({ a: 60, b: 60 })}\n${'said twice and more\ta\n'.repeat(40)}\n\ta`;
    const whole = open(content, { sequence: 4 });
    const few = limitDataset(whole, 12);
    const { classes, tokens, shared, empty, numTrain, limits } = few.summary!;
    expect(numTrain).toBe(12);
    const labels = [...labelsOf(few, 0, 12), ...validationOf(few)];
    for (const [id, name] of ['a', 'b'].entries())
      expect(classes?.most[id]).toEqual({
        name,
        train: countOf(labels.slice(0, 12), id),
        validation: countOf(labels.slice(12), id),
      });
    // Four words and the class token are cut at 4 tokens, and are the only texts that stand there twice.
    const isLong = Array.from({ length: few.numTrain + few.numValidation }, (_, i) =>
      (few.tokenizer?.decode(fieldOf(few, i, 'tokens')) ?? '').includes('said'),
    );
    const isLongCount = isLong.filter(Boolean).length;
    expect(isLongCount).toBeGreaterThan(0);
    expect(tokens?.cut).toEqual({ samples: isLongCount, share: isLongCount / isLong.length, longest: 5 });
    expect(shared).toBe(isLong.slice(0, 12).some(Boolean) ? isLong.slice(12).filter(Boolean).length : 0);
    expect(empty).toBeLessThanOrEqual(1);
    expect(limits.map(({ kept }) => kept)).toEqual([12, few.numValidation]);
    const doubts = dataDoubts(few.summary!).join();
    for (const [, percent] of doubts.matchAll(/([\d.]+) %/g)) expect(Number(percent)).toBeLessThanOrEqual(100);
  });

  it('keeps every class of images, and so does their validation part', () => {
    const labels = Array.from({ length: 40 }, (_, i) => Math.floor(i / 10));
    const images = labels.flatMap((label) => Array<number>(6).fill(label));
    const folder = scratchWith({
      'images-idx3-ubyte': idx([40, 2, 3], images),
      'labels-idx1-ubyte': idx([40], labels),
    });
    const data = openDataset(`mnist:${folder}`, { maxTrain: 8 });
    expect(data.summary?.split.how).toBe('drawn');
    for (const id of [0, 1, 2, 3]) {
      expect(countOf(validationOf(data), id)).toBe(2);
      expect(countOf(labelsOf(data, 0, 8), id)).toBe(2);
    }
    // An image goes with its label.
    const pixels = Array.from(
      { length: 16 },
      (_, id) => Math.round((fieldOf(data, id, 'image')[0] ?? 0) * 78.6 + 33.4) + 0,
    );
    expect(pixels).toEqual(labelsOf(data, 0, 16));
    expect(openDataset(`mnist:${folder}`, { split: 'last' }).summary?.classes?.absent.count).toBe(3);
  });
});

describe('a stratified draw', () => {
  it('draws what is wanted, in proportion, never more than leaves the spare ones', () => {
    const classes = [...Array<number>(70).fill(0), ...Array<number>(20).fill(1), ...Array<number>(9).fill(2), 3];
    for (const count of [1, 5, 10, 33, 99]) {
      const drawn = stratifiedDraw(classes, { count, seed: 3, purpose: 'x', spare: 1 });
      expect(drawn.length).toBe(Math.min(count, 96));
      expect([...drawn]).toEqual([...new Set(drawn)].sort((a, b) => a - b));
      expect([...drawn].some((place) => classes[place] === 3)).toBe(false);
    }
    expect(stratifiedDraw(classes, { count: 100, seed: 3, purpose: 'x', spare: 0 })).toHaveLength(100);
  });
});

describe('what is told', () => {
  it('counts the classes of both parts, the unknown tokens and the texts that are cut', () => {
    const folder = scratchWith({
      'train.tsv': 'one two\ta\none two three four five\tb\none\ta\n',
      'dev.tsv': 'one two six\ta\none\tb\n',
    });
    const { summary } = openDataset(`tsv:${folder}`, { sequence: 3 });
    expect(summary?.classes?.most).toEqual([
      { name: 'a', train: 2, validation: 1 },
      { name: 'b', train: 1, validation: 1 },
    ]);
    // With the class token: 3 + 6 + 2 tokens, then 4 + 2, of which one is unknown.
    expect(summary?.tokens).toMatchObject({
      unknown: { train: 0, validation: 1 / 6 },
      sequence: 3,
      isGiven: true,
      cut: { samples: 2, share: 2 / 5, longest: 6 },
    });
    expect(summary?.shared).toBe(1);
  });

  it('says of a long text that it is cut where the length was chosen', () => {
    const long = 'word '.repeat(400);
    const lines = Array.from({ length: 40 }, (_, i) => `${i % 4 === 0 ? long : 'short'} ${i}\t${i % 2}`).join('\n');
    expect(open(lines).summary?.tokens).toMatchObject({ sequence: 256, isGiven: false, cut: { longest: 402 } });
    expect(dataDoubts(open(lines).summary!).join()).toMatch(/25 % of the texts are cut at 256 tokens.*sequence=N/);
  });

  it('says where the tokenizer sets the length, and takes none that holds its frame alone', () => {
    const files = (most: number) => ({
      'd.tsv': Array.from({ length: 40 }, (_, i) => `a b a b${' a'.repeat(i % 3)}\t${i % 2}`).join('\n'),
      'vocab.txt': '[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n',
      'tokenizer_config.json': JSON.stringify({ model_max_length: most }),
    });
    const { summary } = openDataset(`tsv:${join(scratchWith(files(4)), 'd.tsv')}`, {});
    expect(summary?.tokens).toMatchObject({ sequence: 4, most: 4, isGiven: false });
    expect(dataDoubts(summary!).join()).toMatch(/are cut at 4 tokens.*the tokenizer allows no more/);
    const short = join(scratchWith(files(8)), 'd.tsv');
    expect(() => openDataset(`tsv:${short}`, { sequence: 2 })).toThrow(/sequence=2 leaves no place for a text/);
  });

  it('says of a length that no text comes near that it is filled up', () => {
    const { summary } = open(sorted({ a: 20, b: 20 }), { sequence: 64 });
    expect(dataDoubts(summary!).join()).toMatch(
      /longest text has 4 tokens, every sample takes 64.*sequence=4 holds all/,
    );
  });

  it.each([
    ['a class that nearly all have', sorted({ a: 200, b: 5 }), /98 % of the training samples have the label "a"/],
    ['few samples of each class', sorted({ a: 3, b: 3, c: 4 }), /3 classes for 9 training samples, fewer than 5 each/],
    ['texts on both sides', 'same\ta\nlike\tb\n'.repeat(20), /4 of 4 validation texts stand among the training/],
    ['labels that differ in case', sorted({ a: 20, A: 20 }), /"A" and "a" differ only in how they are/],
    ['labels that are the same number', sorted({ '0': 20, '0.0': 20, '1': 20 }), /"0" and "0\.0" differ only in how/],
    ['labels with a mark at the end', sorted({ pos: 20, 'pos.': 20 }), /"pos" and "pos\." differ only in how/],
    ['labels with what cannot be seen', sorted({ pos: 20, 'pos\u200b': 20 }), /differ only in how they are written/],
    ['a label for no value', sorted({ a: 20, nan: 20 }), /the label "nan" is a class of its own/],
    ['texts without words', `${sorted({ a: 20, b: 20 })}\n\ta`, /texts without a word: 1 of/],
    ['classes without validation', sorted({ a: 30, b: 30, c: 1 }), /1 of 3 classes have no validation sample \(c\)/],
  ])('warns of %s', (_, content, words) => {
    expect(dataDoubts(open(content, { heading: false }).summary!).join('\n')).toMatch(words);
  });

  it('has no doubts about sound data', () => {
    for (const name of ['digits', 'sentiment', 'text', 'copy'])
      expect(dataDoubts(openDataset(`synthetic:${name}`, {}).summary!)).toEqual([]);
  });
});
