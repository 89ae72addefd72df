// Which column is what, whether the first line is a heading, and which labels are classes: known, or asked for.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../engine/data/dataset.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { fieldOf } from './field-of.js';

const MOODS = ['pos', 'neg'];
/** Rows of different texts, with labels that repeat. */
const rows = (length: number, row: (text: string, label: string, i: number) => string): string =>
  Array.from({ length }, (_, i) => row(`film ${i} was seen`, MOODS[i % 2] ?? '', i)).join('\n');
const commas = (length = 40): string => rows(length, (text, label) => `${text},${label}`);

const openCsv = (content: string | Uint8Array, options = {}, name = 'd.csv'): Dataset =>
  openDataset(`${name.endsWith('.tsv') ? 'tsv' : 'csv'}:${join(scratchWith({ [name]: content }), name)}`, options);
const textOf = (data: Dataset, id: number): string =>
  data.tokenizer?.decode(fieldOf(data, id, 'tokens').filter((token) => token > 2)) ?? '';
const numSamples = (data: Dataset): number => data.numTrain + data.numValidation;

describe('a heading', () => {
  it.each([
    'text,sentiment',
    'Sentence,Class',
    'review_text,star rating',
    'TweetText,airline_sentiment',
    'Comment,LABEL',
    'body,topic',
    'der Satz,label',
    'title,art',
  ])('is told by the usual names: %s', (heading) => {
    const data = openCsv(`${heading}\n${commas()}`);
    expect([numSamples(data), data.labels]).toEqual([40, ['neg', 'pos']]);
    expect(data.summary?.files).toMatchObject([{ samples: 40, heading: 'taken' }]);
  });

  it('is told in any language where all other labels are numbers', () => {
    const data = openCsv(`Satz,Stimmung\n${rows(40, (text, _, i) => `${text},${i % 2}`)}`);
    expect([numSamples(data), data.labels]).toEqual([40, ['0', '1']]);
  });

  it('is asked for where the label of line 1 occurs nowhere else, and it might be a class', () => {
    const content = `Satz,Stimmung\n${commas()}`;
    const error = errorOf(() => openCsv(content));
    expect(error.code).toBe('PT_DATA_HEADING');
    expect(error.message).toContain('d.csv:1: "Satz | Stimmung"');
    expect(error.hint).toContain('--data-options heading=true, or heading=false');
    expect(openCsv(content, { heading: true }).labels).toEqual(['neg', 'pos']);
    expect(openCsv(content, { heading: false }).labels).toEqual(['Stimmung', 'neg', 'pos']);
  });

  it('is asked for where its label is a class, too', () => {
    const content = `text,topic\n${commas()}\nof what is it,topic\nanother,topic`;
    expect(errorOf(() => openCsv(content)).code).toBe('PT_DATA_HEADING');
    expect(openCsv(content, { heading: true }).labels).toEqual(['neg', 'pos', 'topic']);
  });

  it.each([
    ['0,1', rows(40, (text, label) => `${text},${label}`), 'its label "1" is a number'],
    ['0,1', rows(40, (text, _, i) => `${text},${i % 2}`), 'its text "0" is a number'],
  ])('is asked for where line 1 has numbers in place of words: %s', (first, content, words) => {
    const error = errorOf(() => openCsv(`${first}\n${content}`));
    expect(error.code).toBe('PT_DATA_HEADING');
    expect(error.message).toContain(words);
    expect(numSamples(openCsv(`${first}\n${content}`, { heading: true }))).toBe(40);
    expect(numSamples(openCsv(`${first}\n${content}`, { heading: false }))).toBe(41);
  });

  it('is none where line 1 is like the others', () => {
    expect(openCsv(commas()).summary?.files).toMatchObject([{ samples: 40, heading: 'none' }]);
    // A text may be a word that others use as a heading.
    expect(numSamples(openCsv(`text,pos\n${commas()}`))).toBe(41);
  });

  it.each([
    ['train.csv', 'dev.csv'],
    ['dev.csv', 'train.csv'],
  ])('may stand in %s and not in %s', (withHeading, without) => {
    const folder = scratchWith({ [withHeading]: `text,sentiment\n${commas()}`, [without]: commas() });
    const data = openDataset(`csv:${folder}`, {});
    expect([data.numTrain, data.numValidation, data.labels]).toEqual([40, 40, ['neg', 'pos']]);
    // Neither is it another class where both files have it in a language of their own.
    const both = scratchWith({ 'train.csv': `Satz,Note\n${commas()}`, 'dev.csv': `Satz,Note\n${commas()}` });
    expect(errorOf(() => openDataset(`csv:${both}`, {})).code).toBe('PT_DATA_HEADING');
    expect(openDataset(`csv:${both}`, { heading: true }).numTrain).toBe(40);
  });

  it('may name the columns of each file in its own order', () => {
    const folder = scratchWith({
      'train.csv': `text,label\n${commas()}`,
      'dev.csv': `label,text\n${rows(10, (text, label) => `${label},${text}`)}`,
    });
    const data = openDataset(`csv:${folder}`, {});
    expect(textOf(data, data.numTrain)).toBe('film 0 was seen');
  });
});

describe('columns', () => {
  const three = rows(40, (text, label, i) => `${i},${text},${label}`);

  it('are found by the names of a heading, whatever else there is', () => {
    const data = openCsv(`id,text,label\n${three}`);
    expect([textOf(data, 0), data.labels]).toEqual(['film 0 was seen', ['neg', 'pos']]);
    expect(data.summary?.columns).toMatchObject({ text: '"text" (column 2)', label: '"label" (column 3)' });
    expect(openCsv(`sentiment,review\n${rows(40, (text, label) => `${label},${text}`)}`).labels).toEqual([
      'neg',
      'pos',
    ]);
  });

  it('are named by options, by name or by number', () => {
    const content = `no,remark,mark\n${three}`;
    expect(openCsv(content, { text: 'remark', label: 'Mark' }).labels).toEqual(['neg', 'pos']);
    expect(openCsv(three, { text: 2, label: 3 }).labels).toEqual(['neg', 'pos']);
    expect(errorOf(() => openCsv(content, { text: 'remark', label: 'nothing' }))).toMatchObject({
      code: 'PT_DATA_COLUMNS',
      message: expect.stringContaining('"no", "remark", "mark"') as string,
    });
    expect(errorOf(() => openCsv(three, { text: 2, label: 4 })).message).toContain('it has 3');
    expect(errorOf(() => openCsv(three, { text: 2, label: 2 })).code).toBe('PT_DATA_OPTION');
    expect(errorOf(() => openCsv(three, { text: 'remark', label: 3 })).message).toContain('no heading');
  });

  it.each([
    ['more than two without a heading', three],
    ['two texts', `sentence1,sentence2,label\n${rows(40, (text, label) => `${text},${text} again,${label}`)}`],
    ['two labels', `text,label,class\n${rows(40, (text, label) => `${text},${label},${label}`)}`],
    ['unknown names', `no,remark,mark\n${three}`],
  ])('are asked for where there are %s', (_, content) => {
    const error = errorOf(() => openCsv(content));
    expect(error.code).toBe('PT_DATA_COLUMNS');
    expect(error.hint).toMatch(/--data-options text=\w+,label=\w+/);
  });

  it('in the other order are asked for, not taken for many labels', () => {
    for (const content of [
      rows(40, (text, label) => `${label},${text}`),
      `v1,v2\n${rows(40, (text, label) => `${label},${text}`)}`,
    ]) {
      const error = errorOf(() => openCsv(content, content.startsWith('v1') ? { heading: true } : {}));
      expect(error.code).toBe('PT_DATA_COLUMNS');
      expect(error.hint).toContain('text=2,label=1');
      expect(openCsv(content, { text: 2, label: 1, heading: content.startsWith('v1') }).labels).toEqual(['neg', 'pos']);
    }
  });

  it.each([
    ['question', 'answer'],
    ['sentence', 'text_pair'],
    ['text', 'text_b'],
    ['premise', 'hypothesis'],
    ['context', 'question'],
    ['prompt', 'response'],
    ['satz', 'sentence'],
  ])('of two texts are asked for, whatever they are called: %s, %s', (first, second) => {
    const pairs = rows(40, (text, label, i) => `${text},it was the ${i}th time,${label}`);
    const content = `${first},${second},label\n${pairs}`;
    const error = errorOf(() => openCsv(content));
    expect(error.code).toBe('PT_DATA_COLUMNS');
    expect(error.message).toContain(`"${first}"`);
    expect(error.message).toContain(`"${second}"`);
    expect(error.hint).toMatch(new RegExp(`--data-options text=(${first}|${second}),label=label`));
    expect(openCsv(content, { text: second, label: 'label' }).summary?.columns?.unused).toEqual({
      count: 1,
      names: [`"${first}" (column 1)`],
    });
  });

  it('of ids, dates, places, addresses and numbers beside a text are named, and not taken for texts', () => {
    const place = (i: number): string => ['"Bath, United Kingdom"', '"Nice, South of France"'][i % 2] ?? '';
    const others = (i: number): string =>
      `a${i},Mon Apr 0${i % 7} 2${i % 3}:19:45 PDT 2009,${place(i)},http://a.b/${i}`;
    const data = openCsv(
      `id,date,place,url,text,label\n${rows(40, (text, label, i) => `${others(i)},${text},${label}`)}`,
    );
    expect(data.summary?.columns?.unused).toEqual({
      count: 4,
      names: ['"id" (column 1)', '"date" (column 2)', '"place" (column 3)', '"url" (column 4)'],
    });
  });

  it('of answers of one word are texts where most differ, and categories where few do', () => {
    const answers = (answer: (i: number) => string): string =>
      `question,answer,label\n${rows(40, (text, label, i) => `${text},${answer(i)},${label}`)}`;
    expect(errorOf(() => openCsv(answers((i) => `word${'abcdefghij'.charAt(i % 10)}${i}`))).code).toBe(
      'PT_DATA_COLUMNS',
    );
    expect(openCsv(answers((i) => (i % 3 === 0 ? 'yes' : 'no'))).summary?.columns?.unused.names).toEqual([
      '"answer" (column 2)',
    ]);
  });

  it('below a line that looks like a heading of unknown names are asked for by its words', () => {
    const content = `no,remark,mark\n${three}`;
    expect(errorOf(() => openCsv(content)).hint).toContain(
      'text=no,label=mark,heading=true, or text=1,label=3,heading=false',
    );
    expect(errorOf(() => openCsv(three)).hint).toContain('--data-options text=1,label=3');
  });

  it('without content at the end are none', () => {
    expect(openCsv(`text,label,\n${rows(40, (text, label) => `${text},${label},`)}`).labels).toEqual(['neg', 'pos']);
    expect(openCsv(`text;label;;\n${rows(40, (text, label) => `${text};${label};;`)}\n;;;`).labels).toEqual([
      'neg',
      'pos',
    ]);
  });
});

describe('labels', () => {
  it('with fractions are quantities, unless somebody says how many classes they are', () => {
    const content = rows(40, (text, _, i) => `${text},${(i % 4) / 2}`);
    expect(errorOf(() => openCsv(content))).toMatchObject({
      code: 'PT_DATA_CLASSES',
      hint: expect.stringContaining('classes=4') as string,
    });
    expect(openCsv(content, { classes: 4 }).labels).toHaveLength(4);
    expect(errorOf(() => openCsv(content, { classes: 5 })).message).toContain('the option classes says 5');
    // Excel with another decimal point, and scores.
    const commaPoint = rows(40, (text, _, i) => `${text};0,${73 + i}`);
    expect(errorOf(() => openCsv(commaPoint)).code).toBe('PT_DATA_SEPARATOR');
    expect(errorOf(() => openCsv(commaPoint, { separator: 'semicolon' })).code).toBe('PT_DATA_CLASSES');
    // Whole numbers that are written so are classes.
    expect(openCsv(rows(40, (text, _, i) => `${text},${i % 2}.0`)).labels).toEqual(['0.0', '1.0']);
  });

  it('nearly as many as samples are refused', () => {
    expect(
      errorOf(() =>
        openCsv(
          rows(40, (text, _, i) => `${text},L${i}`),
          { heading: false },
        ),
      ),
    ).toMatchObject({
      code: 'PT_DATA_CLASSES',
      message: expect.stringContaining('40 different labels for 40 samples') as string,
    });
  });

  it('that differ only in case are classes of their own, and told', () => {
    const data = openCsv(rows(40, (text, label, i) => `${text},${i % 4 < 2 ? label : label.toUpperCase()} `));
    expect(data.labels).toEqual(['NEG', 'POS', 'neg', 'pos']);
    expect(data.summary?.classes?.alike).toEqual([
      ['NEG', 'neg'],
      ['POS', 'pos'],
    ]);
  });
});

describe('a table of another make', () => {
  const expected = [40, ['neg', 'pos'], 'film 0 was seen'];
  const seen = (data: Dataset): unknown[] => [numSamples(data), data.labels, textOf(data, 0)];
  const both = (content: string): string => `text,label\n${content}`;

  it.each([
    ['a byte order mark', `\ufeff${both(commas())}`, 'd.csv'],
    ['line ends of Windows', both(commas()).replaceAll('\n', '\r\n'), 'd.csv'],
    ['line ends of old Macs', both(commas()).replaceAll('\n', '\r'), 'd.csv'],
    [
      'line ends of several kinds',
      both(commas()).replace('\n', '\r\n').replace('was seen,neg\n', 'was seen,neg\r'),
      'd.csv',
    ],
    ['blank lines', `\n\n${both(commas()).replaceAll('\n', '\n\n')}\n\n`, 'd.csv'],
    ['semicolons', both(commas()).replaceAll(',', ';'), 'd.csv'],
    ['a first line that names the separator', `sep=;\r\n${both(commas()).replaceAll(',', ';')}`, 'd.csv'],
    ['a byte order mark and tabs', `\ufeff${both(commas()).replaceAll(',', '\t')}`, 'd.tsv'],
    ['tabs and line ends of old Macs', both(commas()).replaceAll(',', '\t').replaceAll('\n', '\r'), 'd.tsv'],
    ['tabs and line ends of Windows', both(commas()).replaceAll(',', '\t').replaceAll('\n', '\r\n'), 'd.tsv'],
  ])('is read with %s', (_, content, name) => {
    expect(seen(openCsv(content, {}, name))).toEqual(expected);
  });

  it('has the separator that somebody says where both would do', () => {
    const content = `text;a,label\n${rows(40, (text, label) => `${text};x,${label}`)}`;
    expect(errorOf(() => openCsv(content)).hint).toContain('separator=comma, or separator=semicolon');
    expect(openCsv(content, { separator: 'comma' }).labels).toEqual(['neg', 'pos']);
  });

  it('is called what it is where it is not read', () => {
    const tabs = errorOf(() => openCsv(both(commas()).replaceAll(',', '\t')));
    expect([tabs.code, tabs.hint]).toEqual(['PT_DATA_SEPARATOR', expect.stringContaining('tsv:')]);
    const latin = errorOf(() => openCsv(Buffer.from('text,label\nsch\xf6n,pos\n', 'latin1')));
    expect(latin.message).toContain('d.csv:2 is not UTF-8');
    expect(latin.hint).toContain('iconv -f');
    const wide = errorOf(() => openCsv(Buffer.from(`\ufeff${commas()}`, 'utf16le')));
    expect([wide.code, wide.hint]).toEqual(['PT_DATA_ENCODING', expect.stringContaining('UTF-16')]);
    const zero = errorOf(() => openCsv(both(commas()).replace('film 2', 'fi\0lm 2')));
    expect([zero.code, zero.message]).toEqual(['PT_DATA_ENCODING', expect.stringContaining('d.csv:4')]);
  });
});

describe('JSON Lines', () => {
  const lines = rows(40, (text, label, i) => JSON.stringify({ id: i, text, label }));
  const open = (content: string, options = {}): Dataset =>
    openDataset(`jsonl:${join(scratchWith({ 'd.jsonl': content }), 'd.jsonl')}`, options);

  it('are read by their keys', () => {
    expect(textOf(open(lines), 0)).toBe('film 0 was seen');
    expect(
      open(lines.replaceAll('"label":"pos"', '"label":1').replaceAll('"label":"neg"', '"label":0')).labels,
    ).toEqual(['0', '1']);
    expect(open(lines.replaceAll('"text"', '"remark"'), { text: 'remark' }).labels).toEqual(['neg', 'pos']);
    // One and the same double.
    const ids = lines.replaceAll('"pos"', '9007199254740992').replaceAll('"neg"', '9007199254740993');
    expect(open(ids).labels).toEqual(['9007199254740992', '9007199254740993']);
    // What looks like the key inside a text is none.
    expect(open(lines.replace('film 2', 'a \\"label\\": \\u00e9')).numTrain).toBe(36);
  });

  it.each([
    ['a line that is no object', `${lines}\n[1]`, 'd.jsonl:41'],
    ['other keys', `${lines}\n{"text":"a"}`, 'd.jsonl:41: the keys are text'],
    ['a list as label', lines.replaceAll('"label":"pos"', '"label":["pos"]'), '"label" holds lists'],
    ['JSON over several lines', '{\n"text": "a"\n}', 'd.jsonl:1'],
    ['a key twice', lines.replace('"id":2', '"label":"neg"'), 'd.jsonl:3: the key "label" is given twice'],
    ['a key twice, once escaped', lines.replace('"id":2', '"\\u006cabel":"neg"'), 'd.jsonl:3: the key "label"'],
    ['a number out of range', lines.replace('"id":2', '"id":1e400'), 'a number is out of range'],
  ])('are refused with %s', (_, content, place) => {
    expect(errorOf(() => open(content))).toMatchObject({
      code: 'PT_DATA_JSON',
      message: expect.stringContaining(place) as string,
    });
  });
});
