// Tokenizers that are trained on the training texts: the merges of the library `tokenizers`, which
// scripts/golden/make_tokenizer_golden.py wrote, a tokenizer.json that reads as the same tokenizer, and the legend that
// keeps it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { legendOf, legendText } from '../../engine/data/legend.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { SourceFiles } from '../../engine/data/source-files.js';
import { readTokenizer } from '../../engine/data/tokenizer-source.js';
import { TrainedTokenizer, trainTokenizer } from '../../engine/data/trained-tokenizer.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';

const golden = JSON.parse(readFileSync(new URL('../golden/tokenizers/trained.json', import.meta.url), 'utf8')) as {
  readonly text: string;
  readonly merges: readonly (readonly [string, string])[];
  readonly tokens: readonly string[];
};
const trained = (name: string, texts: readonly string[], isFramed = false): TrainedTokenizer => {
  const { tokenizer } = trainTokenizer(texts, { name, lowercase: true, isFramed });
  if (tokenizer instanceof TrainedTokenizer) return tokenizer;
  throw new Error('another tokenizer');
};

describe('a trained tokenizer', () => {
  it('of bytes joins what the trainer of the original joins, equals by their ids', () => {
    const { json } = trained('bpe:400', [golden.text]);
    const { model } = JSON.parse(json) as { readonly model: { vocab: Record<string, number>; merges: unknown } };
    expect(model.merges).toEqual(golden.merges);
    expect(model.vocab).toEqual(Object.fromEntries(golden.tokens.map((token, id) => [token, id])));
  });

  it('of bytes gives every text back', () => {
    const tokenizer = trained('bpe:300', ['the old boat']);
    const text = 'The 🙂 old\r\n\tboat \u0000 ß';
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.unknown).toBeNull();
  });

  it.each(['bpe:320', 'wordpiece:90'])(
    '%s is the same whatever the order of the texts, and read from its file',
    (name) => {
      const lines = 'the slow boat\nthe old harbour\nslow rain and more rain\nthe rain\nold boats\n'.split('\n');
      const [one, other] = [trained(name, lines, true), trained(name, lines.toReversed(), true)];
      expect(one.json).toBe(other.json);
      const file = join(scratchWith({ 'tokenizer.json': one.json }), 'tokenizer.json');
      const read = readTokenizer(file, null, new SourceFiles());
      expect([read.prefix, read.suffix, read.pad]).toEqual([[2], [3], 0]);
      for (const text of ['The slow rains, x', '']) expect(read.tokenizer.encode(text)).toEqual(one.encode(text));
    },
  );

  it('is asked for with fewer tokens than its alphabet has', () => {
    const error = errorOf(() => trained('bpe:100', ['a']));
    expect([error.code, error.message]).toEqual(['PT_DATA_OPTION', expect.stringContaining('there are 257 before')]);
  });

  it('is made again from a legend, and never where a file is named as well', () => {
    const at = scratchWith({
      'a.txt': 'the old boat and the slow rain\n'.repeat(400),
      'b.txt': 'a slow one\n'.repeat(900),
    });
    const options = { sequence: 8, tokenizer: 'bpe:300' };
    const first = openDataset(`text:${join(at, 'a.txt')}`, options);
    const legend = join(scratchWith({ 'legend.json': legendText(legendOf(first)) }), 'legend.json');
    const again = openDataset(`text:${join(at, 'b.txt')}`, { ...options, legend });
    expect(again.tokenizer?.identity.sha256).toBe(first.tokenizer?.identity.sha256);
    const error = errorOf(() => openDataset(`text:${join(at, 'a.txt')}`, { ...options, vocab: 'x.json' }));
    expect(error.message).toContain('tokenizer=bpe:300 trains a tokenizer, and vocab=x.json names one');
    expect(errorOf(() => openDataset(`text:${join(at, 'a.txt')}`, { tokenizer: 'bpe' })).message).toContain('bpe:N');
  });

  it('frames labelled texts', () => {
    const rows = 'the old boat\t1\nthe slow rain\t0\n'.repeat(9);
    const data = openDataset(`tsv:${scratchWith({ 'train.tsv': rows, 'dev.tsv': rows })}`, {
      tokenizer: 'wordpiece:60',
    });
    const ids = new Int32Array(data.info.sequence ?? 0);
    data.read(0, 'tokens', ids, 0);
    expect([ids[0], ids.filter((id) => id !== 0).at(-1)]).toEqual([2, 3]);
    expect(data.summary?.tokens?.tokenizer).toBe('wordpiece');
  });
});
