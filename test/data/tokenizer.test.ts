import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteTokenizer } from '../../engine/data/byte-tokenizer.js';
import { CharTokenizer } from '../../engine/data/char-tokenizer.js';
import type { Tokenizer } from '../../engine/data/dataset.js';
import { SourceFiles } from '../../engine/data/source-files.js';
import { readTokenizer } from '../../engine/data/tokenizer-source.js';
import { WordTokenizer } from '../../engine/data/word-tokenizer.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';

const text = fc.string({ unit: 'grapheme' });

describe('byte and character tokenizers', () => {
  it('give any text back', () => {
    fc.assert(
      fc.property(text, (sample) => {
        for (const tokenizer of [
          new ByteTokenizer(),
          new ByteTokenizer(['[PAD]']),
          new CharTokenizer(sample),
          new CharTokenizer(sample, ['[PAD]', '[UNK]'], 1),
        ]) {
          const ids = tokenizer.encode(sample);
          expect(tokenizer.decode(ids)).toBe(sample);
          expect(ids.every((id) => id >= 0 && id < tokenizer.size)).toBe(true);
        }
      }),
    );
  });

  it('count code points, not halves of them', () => {
    expect(new CharTokenizer('😀a').encode('a😀a')).toEqual([0, 1, 0]);
  });

  it('name a character without id, unless there is an id for those', () => {
    const error = errorOf(() => new CharTokenizer('abc').encode('abx'));
    expect(error.code).toBe('PT_DATA_CHARACTER');
    expect(error.message).toContain('"x"');
    expect(error.message).toContain('3 characters');
    expect(new CharTokenizer('abc', ['[PAD]', '[UNK]'], 1).encode('abx')).toEqual([2, 3, 1]);
  });
});

describe('word tokenizer', () => {
  const options = { vocabulary: 3, lowercase: true, specials: ['[UNK]'], unknown: 0 };
  it('keeps the most frequent words, equals in the order of their letters', () => {
    const tokenizer = new WordTokenizer(['b a c c', 'D d, d'], options);
    expect(tokenizer.decode([1, 2, 3])).toBe('d c ,');
    expect(tokenizer.encode('D a,c')).toEqual([1, 0, 3, 2]);
  });

  it('takes marks apart and keeps apostrophes and accents inside words', () => {
    const tokenizer = new WordTokenizer(["don't stop-naïve!"], { ...options, vocabulary: 9 });
    expect(tokenizer.decode(tokenizer.encode("Don't stop-naïve!"))).toBe("don't stop - naïve !");
  });

  it('keeps case when asked to', () => {
    expect(new WordTokenizer(['A a'], { ...options, lowercase: false }).size).toBe(3);
  });
});

describe('wordpiece tokenizer', () => {
  const read = (lines: string, lowercase: boolean): Tokenizer =>
    readTokenizer(join(scratchWith({ 'vocab.txt': lines }), 'vocab.txt'), lowercase, new SourceFiles()).tokenizer;
  const vocabulary = [
    '[PAD]',
    '[UNK]',
    '[CLS]',
    '[SEP]',
    '[MASK]',
    'un',
    '##aff',
    '##able',
    'want',
    '##ed',
    '##want',
    'runn',
    '##ing',
    ',',
    'low',
    '##est',
    'hello',
    'world',
    '!',
    'cafe',
    'naive',
    '中',
    '国',
    '$',
    '5',
    '-',
    'a',
    'b',
    '##b',
    "'",
    's',
  ].join('\n');
  const tokenizer = read(vocabulary, true);

  // Ids as BERT's own tokenizer gives them for this vocabulary (library `tokenizers` 0.23, BertWordPieceTokenizer,
  // without special tokens).
  const golden: [text: string, ids: number[]][] = [
    ['UNaffable', [5, 6, 7]],
    ['unwanted, running', [5, 10, 9, 13, 11, 12]],
    ['Hello   World!\n', [16, 17, 18]],
    ['caf\u00e9 NA\u00cfVE', [19, 20]],
    ['ab\u4e2d\u56fda', [26, 28, 21, 22, 26]],
    ['a\u0000b\ufffd a\u200bb a\u200db', [26, 28, 26, 28, 26, 28]],
    ['$5-5', [23, 24, 25, 24]],
    ["lowest's wantedz", [14, 15, 29, 30, 1]],
    ['\u00a0hello\tworld\r\n', [16, 17]],
    ['a\u0301b \u0130', [26, 28, 1]],
    ['', []],
    ['hello\u2014world \u00bfa? 5\u20ac', [16, 1, 17, 1, 26, 1, 1]],
    ['un\u00adaffable', [5, 6, 7]],
    ['\uff41b', [1]],
  ];
  it.each(golden)('encodes %j as BERT does', (sample, ids) => {
    expect(tokenizer.encode(sample)).toEqual(ids);
  });

  it('is another one where it frames texts otherwise', () => {
    const settings = tokenizer.identity.settings;
    expect([settings['prefix'], settings['suffix'], settings['continuation']]).toEqual(['2', '3', '##']);
  });

  it('decodes pieces into words', () => {
    expect(tokenizer.decode(tokenizer.encode('unaffable, wanted'))).toBe('unaffable , wanted');
  });

  it('keeps case and accents when asked to', () => {
    const cased = read(`${vocabulary}\nCafé`, false);
    expect(cased.encode('Café Cafe')).toEqual([31, 1]);
  });

  it('makes a word unknown that is longer than 100 characters', () => {
    expect(tokenizer.encode(`a${'b'.repeat(99)}`)).toHaveLength(100);
    expect(tokenizer.encode(`a${'b'.repeat(100)}`)).toEqual([1]);
  });
});

describe('the identity of a tokenizer', () => {
  const words = (texts: readonly string[], lowercase = true): WordTokenizer =>
    new WordTokenizer(texts, { vocabulary: 9, lowercase, specials: ['[PAD]', '[UNK]'], unknown: 1 });

  it('lists the token of every id, and bytes have none', () => {
    expect(words(['b a a']).identity.tokens).toEqual(['[PAD]', '[UNK]', 'a', 'b']);
    expect(new CharTokenizer('ba', ['[PAD]']).identity.tokens).toEqual(['[PAD]', 'a', 'b']);
    expect(new ByteTokenizer(['[PAD]']).identity.tokens).toBeNull();
  });

  it('has another digest for another order of words, another setting, another kind, and only then', () => {
    const digests = [
      words(['a a b']),
      words(['b b a']),
      words(['a a b'], false),
      new CharTokenizer('ab', ['[PAD]', '[UNK]'], 1),
      new CharTokenizer('ab', ['[PAD]', '[UNK]']),
      new ByteTokenizer(['[PAD]']),
      new ByteTokenizer(),
    ].map(({ identity }) => identity.sha256);
    expect(new Set(digests).size).toBe(digests.length);
    expect(words(['a b a']).identity).toEqual(words(['a a b']).identity);
  });
});
