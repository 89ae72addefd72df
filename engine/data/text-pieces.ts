// TextPieces: where a long text may be cut so that its pieces, tokenized one by one, give the tokens of the whole. It
// tokenizes nothing.
import { DataError } from '../core/errors.js';
import type { CutPlace } from './dataset.js';

/** Characters after which a piece ends at the next line break. */
const PIECE = 1 << 16;
/** Lines longer than this are cut in front of a space, or, where every character is a token, anywhere. */
const LONGEST_PIECE = 1 << 20;
/** No word is longer than this. */
const LONGEST_WORD = 1 << 24;

/**
 * The text in pieces of about 65,536 characters. `line` and `anywhere`: cut behind line breaks, which end tokens; lines
 * of more than a million characters are cut too, `anywhere` where characters are tokens, else in front of a space.
 * `space`: cut in front of a space behind a letter, digit or mark, and nowhere else; with `joinsSpace` behind those of
 * ASCII alone, and not where it says that a token goes on. Throws PT_DATA_LINE where there is none for too long.
 */
export function* piecesOf(text: string, cut: CutPlace, joinsSpace?: (before: string) => boolean): Generator<string> {
  for (let from = 0; from < text.length;) {
    const to = cut === 'space' ? spaceBehind(text, from + PIECE, joinsSpace) : endOf(text, from, cut === 'anywhere');
    yield text.slice(from, to);
    from = to;
  }
}

function endOf(text: string, from: number, isPerCharacter: boolean): number {
  if (text.length - from <= LONGEST_PIECE) {
    const lineEnd = text.indexOf('\n', from + PIECE);
    return lineEnd < 0 ? text.length : lineEnd + 1;
  }
  // Looked for in a piece of its own: a search through all the rest for every piece would take for ever.
  const lineEnd = text.slice(from + PIECE, from + LONGEST_PIECE).indexOf('\n');
  if (lineEnd >= 0) return from + PIECE + lineEnd + 1;
  const at = from + LONGEST_PIECE;
  if (isPerCharacter) return isLowSurrogate(text.charCodeAt(at)) ? at + 1 : at;
  const space = text.slice(at, at + LONGEST_WORD).search(/[ \n]/);
  if (space >= 0) return at + space;
  if (text.length <= at + LONGEST_WORD) return text.length;
  throw endless(at, 'neither a space nor a line break');
}

/** The first such space from `at` on, or the end. */
function spaceBehind(text: string, at: number, joinsSpace?: (before: string) => boolean): number {
  const place = joinsSpace === undefined ? /(?<=[\p{L}\p{N}\p{P}]) /gu : /(?<=[!-~]) /g;
  const seen = text.slice(0, at + LONGEST_WORD);
  place.lastIndex = at;
  for (let found = place.exec(seen); found !== null; found = place.exec(seen))
    if (joinsSpace?.(text[found.index - 1] as string) !== true) return found.index;
  if (text.length <= at + LONGEST_WORD) return text.length;
  throw endless(at, 'no space behind a word');
}

const endless = (at: number, lacks: string): DataError =>
  new DataError(
    'PT_DATA_LINE',
    `${LONGEST_WORD} characters of the text, from character ${at}, have ${lacks}`,
    'use the tokenizer chars or bytes for a text without words',
  );

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;
