// Text of others: nothing in it is obeyed by a terminal, and JSON of it is the same value.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { harmless, harmlessJson, harmlessLine } from '../../engine/core/harmless-text.js';

/** What a terminal or a reader's eye would obey. */
const OBEYED = /(?![\t\n])[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]/u;

const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff })).map((codes) => String.fromCodePoint(...codes));

const TEXT = 'naïve ⚙️ 👩‍🚀 שלום नमस्ते\t|\n';

describe('harmless text', () => {
  test.each([
    ['a colour', '\u001b[31mred', '·[31mred'],
    ['a title of the window', '\u001b]0;title\u0007', '·]0;title·'],
    ['a link', '\u001b]8;;http://x\u001b\\here', '·]8;;http://x·\\here'],
    ['the clipboard', '\u001b]52;c;ZXZpbA==\u0007', '·]52;c;ZXZpbA==·'],
    ['C1 controls', '\u009b31m\u009dx\u0090y\u0085', '·31m·x·y·'],
    ['what overwrites a line', 'evil\rgood\b\b', 'evil·good··'],
    ['a line that reads backwards', 'abc\u202etxt.exe\u202c\u2066x\u2069', 'abc·txt.exe··x·'],
    ['invisible characters', 'a\u200b\u2060\u00ad\ufeffb', 'a····b'],
    ['line breaks of Unicode', 'a\u2028b\u2029c', 'a·b·c'],
    ['tags', 'a\u{e0041}b', 'a·b'],
    ['half a character', 'a\ud800b', 'a·b'],
    ['other things that are text', TEXT, TEXT],
  ])('shows %s and does not obey it', (_, text, shown) => {
    expect(harmless(text)).toBe(shown);
  });

  test('of a line is one line', () => {
    expect(harmlessLine('a\nerror: b\r\n')).toBe('a·error: b··');
  });

  test('has nothing left that is obeyed, whatever it was', () => {
    fc.assert(fc.property(anyText, (text) => void expect(harmless(text)).not.toMatch(OBEYED)));
  });

  test('of JSON is the same value, and nothing in it is obeyed', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (value) => {
        expect(JSON.parse(harmlessJson(value))).toEqual(value);
        expect(harmless(harmlessJson(value))).toBe(harmlessJson(value));
      }),
    );
    expect(harmlessJson('\u009b\u2028\u{e0041}')).toBe('"\\u009b\\u2028\\udb40\\udc41"');
    expect(harmlessJson(undefined)).toBe('null');
  });
});
