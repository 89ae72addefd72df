// Data read by the legend of other data: tokens and classes keep the numbers that they have there, as long as nothing
// else is asked for and the texts are known.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { legendOf, legendText, readLegend } from '../../engine/data/legend.js';
import { labelDifference, tokenDifference } from '../../engine/data/legend-difference.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';
import { images } from './idx-files.js';

const lines = (...pairs: readonly (readonly [text: string, label: string, count: number])[]): string =>
  pairs.map(([text, label, count]) => `${text}\t${label}\n`.repeat(count)).join('');
const folderOf = (text: string): string => scratchWith({ 'train.tsv': text, 'dev.tsv': text });
/** The legend of a data set, in a file. */
function legendOfData(source: string, options: Record<string, unknown> = {}): string {
  const path = join(scratchWith({}), 'legend.json');
  writeFileSync(path, legendText(legendOf(openDataset(source, options))));
  return path;
}
const tokensOf = (source: string, options: Record<string, unknown>): readonly string[] | null =>
  openDataset(source, options).tokenizer?.identity.tokens ?? null;

const HERE = folderOf(lines(['good film', '1', 20], ['bad film', '0', 10]));
const THERE = folderOf(lines(['bad film', '0', 20], ['good film', '1', 10]));

describe('labelled texts', () => {
  it('have the ids of the legend, whatever is frequent in them', () => {
    const legend = legendOfData(`tsv:${THERE}`);
    expect(tokensOf(`tsv:${HERE}`, {})).toEqual(['[PAD]', '[UNK]', '[CLS]', 'film', 'good', 'bad']);
    expect(tokensOf(`tsv:${HERE}`, { legend })).toEqual(['[PAD]', '[UNK]', '[CLS]', 'film', 'bad', 'good']);
    const [mine, theirs] = [openDataset(`tsv:${HERE}`, { legend }), openDataset(`tsv:${THERE}`, {})];
    expect(fieldOf(mine, 0, 'tokens')).toEqual(fieldOf(theirs, 20, 'tokens'));
  });
  it.each(['words', 'chars', 'bytes'])('keep the tokenizer %s of the legend', (tokenizer) => {
    const options = { tokenizer };
    const legend = legendOfData(`tsv:${THERE}`, options);
    const known = openDataset(`tsv:${THERE}`, options).tokenizer?.identity;
    expect(openDataset(`tsv:${HERE}`, { legend }).tokenizer?.identity).toEqual(known);
    // Options of the run of the legend, given again, ask for nothing else.
    expect(openDataset(`tsv:${HERE}`, { legend, tokenizer, lowercase: true }).tokenizer?.identity).toEqual(known);
  });
  it('are numbered by themselves where the options ask for something else', () => {
    const legend = legendOfData(`tsv:${THERE}`);
    const own = tokensOf(`tsv:${HERE}`, {});
    for (const options of [{ legend: 'none' }, { legend, lowercase: false }])
      expect(tokensOf(`tsv:${HERE}`, options)).toEqual(own);
    expect(tokensOf(`tsv:${HERE}`, { legend, vocabulary: 2 })).toHaveLength(5);
    expect(tokensOf(`tsv:${HERE}`, { legend, vocabulary: 3 })).toEqual(tokensOf(`tsv:${THERE}`, {}));
    expect(openDataset(`tsv:${HERE}`, { legend, tokenizer: 'chars' }).tokenizer?.name).toBe('chars');
  });
  it('are numbered by themselves where more than half of their words are unknown', () => {
    const legend = legendOfData(`tsv:${THERE}`);
    const half = folderOf(lines(['good picture', '1', 10], ['bad movie', '0', 10]));
    const most = folderOf(lines(['good long picture', '1', 10], ['bad dull movie', '0', 10]));
    expect(tokensOf(`tsv:${half}`, { legend })).toContain('film');
    expect(tokensOf(`tsv:${most}`, { legend })).not.toContain('film');
  });
  it('have the classes of the legend where it has all of their labels, and their own where not', () => {
    const three = legendOfData(`tsv:${folderOf(lines(['a b', 'mixed', 9], ['a c', 'bad', 9], ['b c', 'good', 9]))}`);
    const two = folderOf(lines(['a b', 'good', 9], ['a c', 'bad', 9]));
    const other = folderOf(lines(['a b', 'pos', 9], ['a c', 'bad', 9]));
    const read = openDataset(`tsv:${two}`, { legend: three });
    expect([read.labels, read.info.classes]).toEqual([['bad', 'good', 'mixed'], 3]);
    expect(openDataset(`tsv:${other}`, { legend: three }).labels).toEqual(['bad', 'pos']);
  });
});

describe('running text', () => {
  it('has the ids of the legend, and its own where it has a character that the legend lacks', () => {
    const text = (content: string): string => `text:${join(scratchWith({ 't.txt': content.repeat(40) }), 't.txt')}`;
    const legend = legendOfData(text('hello world '), { sequence: 4 });
    expect(tokensOf(text('low hello '), { sequence: 4, legend })).toEqual([...' dehlorw']);
    expect(tokensOf(text('low hell\u00f6 '), { sequence: 4, legend })).toEqual([...' ehlow\u00f6']);
  });
  it('of a drawn story does so, too', () => {
    const legend = legendOfData('synthetic:text', { samples: 200 });
    const known = tokensOf('synthetic:text', { samples: 200 });
    expect(tokensOf('synthetic:text', { samples: 5, seed: 9, sequence: 8, legend })).toEqual(known);
  });
});

describe('images', () => {
  it('have as many classes as the legend', () => {
    const folder = (count: number): string => {
      const made = images(count);
      return scratchWith({ 'images-idx3-ubyte': made.images, 'labels-idx1-ubyte': made.labels });
    };
    const legend = legendOfData('synthetic:digits', { samples: 10 });
    const read = openDataset(`mnist:${folder(12)}`, { legend });
    expect([read.info.classes, read.labels.at(-1)]).toEqual([10, '9']);
    expect(
      openDataset('synthetic:digits', { samples: 10, legend: legendOfData(`mnist:${folder(12)}`) }).labels,
    ).toEqual(read.labels);
  });
});

describe('the digest of data that are read by a legend', () => {
  it('says by which numbers', () => {
    const digest = (options: Record<string, unknown>): string => openDataset(`tsv:${HERE}`, options).digest;
    const [mine, theirs] = [legendOfData(`tsv:${HERE}`), legendOfData(`tsv:${THERE}`)];
    expect(digest({ legend: 'none' })).toBe(digest({}));
    expect(new Set([digest({}), digest({ legend: mine }), digest({ legend: theirs })]).size).toBe(3);
  });
});

describe('a legend in a file', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }), (labels) => {
        const { tokenizer } = legendOf(openDataset(`tsv:${HERE}`, {}));
        const path = join(scratchWith({ 'legend.json': legendText({ tokenizer, labels }) }), 'legend.json');
        expect(readLegend(path)).toEqual({ tokenizer, labels });
      }),
      { numRuns: 20 },
    );
  });
  it('is refused where it is damaged, edited or none', () => {
    const path = legendOfData(`tsv:${HERE}`);
    const whole = readFileSync(path, 'utf8');
    const problemOf = (content: string): string => {
      writeFileSync(path, content);
      const error = errorOf(() => openDataset(`tsv:${HERE}`, { legend: path }));
      expect(error.code).toBe('PT_DATA_LEGEND');
      return error.message;
    };
    expect(problemOf(whole.replace('"good"', '"fine"'))).toContain('damaged, or edited');
    expect(problemOf(whole.replace('"labels":["0"', '"labels":["2"'))).toContain('damaged, or edited');
    expect(problemOf(whole.slice(0, -9))).toContain('is no legend of a run');
    expect(problemOf('{"format":"pipetrain-legend-0"}')).toContain('format');
    expect(errorOf(() => openDataset(`tsv:${HERE}`, { legend: `${path}-not` })).code).toBe('PT_DATA_LEGEND');
    expect(errorOf(() => openDataset(`tsv:${HERE}`, { legend: 3 })).code).toBe('PT_DATA_OPTION');
  });
});

describe('what two legends differ in', () => {
  const of = (options: Record<string, unknown>) => legendOf(openDataset(`tsv:${HERE}`, options));
  it('is said with the first thing that is another one', () => {
    const [here, there] = [of({}), legendOf(openDataset(`tsv:${THERE}`, {}))];
    expect(tokenDifference(here, here)).toBeNull();
    expect(tokenDifference(here, there)).toBe('the vocabulary is another one: token 4 is "good" here and "bad" there');
    expect(tokenDifference(here, of({ vocabulary: 2 }))).toBe(
      'the vocabulary is another one: it has 6 tokens here and 5 there, which lack 1 of those here',
    );
    expect(tokenDifference(here, of({ lowercase: false }))).toBe(
      'the tokenizer words has lowercase true here and false there',
    );
    expect(tokenDifference(here, of({ tokenizer: 'bytes' }))).toBe('the tokens are words here and bytes there');
    expect(tokenDifference(here, { tokenizer: null, labels: [] })).toBe(
      'the tokens are words here and those of no text there',
    );
    expect(labelDifference(here, there)).toBeNull();
    expect(labelDifference(here, { ...there, labels: ['neg', 'pos'] })).toBe(
      'the labels are 0, 1 here and neg, pos there',
    );
    expect(labelDifference(here, { ...there, labels: [] })).toBe('the labels are 0, 1 here and none there');
  });
});
