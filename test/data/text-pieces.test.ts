// Long texts are tokenized piece by piece, and give the tokens of the whole.
import { describe, expect, test } from 'vitest';
import { ByteTokenizer } from '../../engine/data/byte-tokenizer.js';
import { CharTokenizer } from '../../engine/data/char-tokenizer.js';
import { piecesOf } from '../../engine/data/text-pieces.js';
import { WordTokenizer } from '../../engine/data/word-tokenizer.js';
import { errorOf } from '../error-of.js';

const MILLION = 1 << 20;

describe('pieces of a text', () => {
  const long = 'ΟΔΟΣ a𝄞b, '.repeat(250_000);
  const words = new WordTokenizer([long], { vocabulary: 10, lowercase: true, specials: ['?'], unknown: 0 });

  test.each([
    ['bytes', new ByteTokenizer()],
    ['chars', new CharTokenizer(long)],
    ['words', words],
  ] as const)('without a line break give the %s of the whole', (_, tokenizer) => {
    const pieces = [...piecesOf(long, 'cut' in tokenizer ? tokenizer.cut : 'line')];
    expect(pieces.length).toBeGreaterThan(2);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(MILLION + 20);
    expect(pieces.join('')).toBe(long);
    const ids = pieces.flatMap((piece) => tokenizer.encode(piece));
    const whole = tokenizer.encode(long);
    expect(ids.length).toBe(whole.length);
    expect(ids.findIndex((id, i) => id !== whole[i])).toBe(-1);
  });

  test('end behind line breaks where there are some', () => {
    const text = `${'x'.repeat(99)}\n`.repeat(5000);
    const pieces = [...piecesOf(text, 'line')];
    expect(pieces.every((piece) => piece.endsWith('\n'))).toBe(true);
    expect(pieces.join('')).toBe(text);
    expect(pieces.length).toBe(8);
  });

  test('of a word without end are refused where words are tokens, and cut where characters are', () => {
    const endless = 'x'.repeat(20 * MILLION);
    expect(errorOf(() => [...piecesOf(endless, 'line')])).toMatchObject({ code: 'PT_DATA_LINE' });
    expect([...piecesOf(endless, 'anywhere')].length).toBe(20);
    expect(errorOf(() => [...piecesOf(endless, 'space')])).toMatchObject({ code: 'PT_DATA_LINE' });
  });
});
