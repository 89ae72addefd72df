// Data in a format that a kind cannot read are called what they are, with a line that makes something readable of them.
import { execSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../engine/data/open-dataset.js';
import { errorOf } from '../error-of.js';
import { scratch, scratchWith } from '../scratch.js';

const object = '{"text": "a good film", "label": "good"}\n';
const place = (name: string, content: string | Uint8Array): string => join(scratchWith({ [name]: content }), name);
const refused = (source: string): { code: string; message: string; hint: string } => {
  const { code, message, hint } = errorOf(() => openDataset(source, {}));
  return { code, message, hint: hint ?? '' };
};
const imageFolder = (): string => {
  const folder = scratch();
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(folder, name));
    for (const i of [1, 2]) writeFileSync(join(folder, name, `${i}.png`), Uint8Array.of(0x89, 0x50, 0x4e, 0x47));
  }
  return folder;
};

describe('a format that is not read', () => {
  it.each<[kind: string, name: string, content: string | Uint8Array, what: RegExp, remedy: RegExp]>([
    ['tsv', 'x.jsonl', object, /JSON Lines, which tsv/, /jsonl:/],
    ['csv', 'x.ndjson', object, /JSON Lines/, /jsonl:/],
    ['text', 'x.jsonl', object, /JSON Lines, which text/, /jsonl:/],
    ['text', 'x.jsonl.gz', gzipSync(object), /JSON Lines/, /jsonl:/],
    ['tsv', 'x.tsv', object, /JSON Lines/, /jsonl:/],
    ['text', 'x.txt', object, /JSON Lines/, /jsonl:/],
    ['text', 'x.json', `[${object}]`, /is JSON,/, /node -e/],
    ['jsonl', 'x.jsonl', `[${object}]`, /is JSON,/, /node -e/],
    ['csv', 'x.parquet', 'PAR1abcdefg', /Parquet/, /--data parquet:/],
    ['csv', 'x.xlsx', 'PK\u0003\u0004abcdefg', /spreadsheet/, /CSV UTF-8/],
    ['csv', 'x.csv', 'PK\u0003\u0004abcdefg', /archive \(zip\)/, /unpack/],
    ['text', 'x.zip', 'PK\u0003\u0004abcdefg', /archive/, /unpack/],
    ['tsv', 'x.npz', 'PK\u0003\u0004abcdefg', /NumPy/, /IDX/],
    ['text', 'x.csv', 'text,label\na,b\n', /a table/, /csv:/],
    ['text', 'x.png', Uint8Array.of(0x89, 0x50, 0x4e, 0x47), /an image/, /IDX/],
  ])('is called what it is: %s:%s', (kind, name, content, what, remedy) => {
    const { code, message, hint } = refused(`${kind}:${place(name, content)}`);
    expect(code).toBe('PT_DATA_FORMAT');
    expect(message).toMatch(what);
    expect(hint).toMatch(remedy);
    expect(hint).not.toContain('text:');
  });

  it('is told without a kind, too, and never as running text', () => {
    expect(refused(place('x.jsonl', object)).message).toContain('write jsonl:');
    expect(refused(place('x.csv', 'a,b')).message).toContain('write csv:');
    expect(refused(place('x.tsv', 'a\tb')).message).toContain('write tsv:');
    expect(refused(dirname(place('train.csv', 'a,b'))).message).toContain('write csv:');
    expect(refused(place('x.parquet', 'PAR1')).message).toContain('write parquet:');
    for (const source of [place('x.json', `[${object}]`), imageFolder()]) {
      const { code, message, hint } = refused(source);
      expect(code).toBe('PT_DATA_KIND');
      expect(message).toMatch(/it is (JSON|a folder of images)/);
      expect(message + hint).not.toContain('text:');
    }
    expect(refused('nothing/at/all').message).not.toContain('text:');
  });

  it('may be a folder', () => {
    const images = imageFolder();
    for (const kind of ['mnist', 'text', 'tsv'])
      expect(refused(`${kind}:${images}`)).toMatchObject({
        code: 'PT_DATA_FORMAT',
        message: expect.stringContaining('a folder of images') as string,
      });
    expect(refused(`text:${scratchWith({ 'a.jsonl': object, 'b.jsonl': object })}`).code).toBe('PT_DATA_FORMAT');
  });

  it('does not stop what is meant so', () => {
    const json = place('x.json', `[${object.repeat(9)}]`);
    expect(openDataset(`text:${json}`, { match: '.json', sequence: 8 }).info.task).toBe('language-model');
    const braces = Array.from({ length: 20 }, (_, i) => `{"a": film ${i}\t${i % 2}`).join('\n');
    expect(openDataset(`tsv:${place('x.tsv', braces)}`, {}).labels).toEqual(['0', '1']);
  });
});

describe('the line that a refusal shows', () => {
  it('makes JSON Lines of a list', () => {
    const path = place(
      'x.json',
      JSON.stringify(Array.from({ length: 20 }, (_, i) => ({ text: `t ${i}`, label: i % 2 }))),
    );
    const line = /node -e .*? > x\.jsonl/.exec(refused(`text:${path}`).hint)?.[0] ?? '';
    execSync(line, { cwd: dirname(path) });
    expect(openDataset(`jsonl:${join(dirname(path), 'x.jsonl')}`, {}).labels).toEqual(['0', '1']);
  });

  it('makes JSON Lines of a folder of text files per class', () => {
    const folder = scratch();
    for (const label of ['neg', 'pos']) {
      mkdirSync(join(folder, label));
      for (let i = 0; i < 10; i++) writeFileSync(join(folder, label, `${i}.txt`), `"${label}" film\n${i}`);
    }
    const line = /node -e .*? > texts\.jsonl/s.exec(refused(`tsv:${folder}`).hint)?.[0] ?? '';
    const out = scratch();
    execSync(line, { cwd: out });
    const data = openDataset(`jsonl:${join(out, 'texts.jsonl')}`, {});
    expect([data.labels, data.numTrain]).toEqual([['neg', 'pos'], 18]);
  });
});
