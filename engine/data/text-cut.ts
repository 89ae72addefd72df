// TextCut: whether a text may be cut in front of a space behind something else, the tokens of the parts being those of
// the whole, with the steps of a tokenizer.json. It cuts nothing.
import type { AddedToken } from './added-tokens.js';
import type { TokenizerModel } from './tokenizer-model.js';
import { type Normalize, typeOf } from './tokenizer-normalizer.js';
import type { Split } from './tokenizer-splitter.js';

/**
 * Steps that change one character, or several that follow on each other without a letter, digit or mark in front of a
 * space between them; and those that look at the ends of a text, which they are told.
 */
const LOCAL_NORMALIZERS = [
  ...['BertNormalizer', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'Precompiled'],
  ...['Prepend', 'Strip'],
];
/** Pre-tokenizers after which no word goes from something else into a space behind it. */
const SPLITTING = ['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit'];

type Piece = Readonly<Record<string, unknown>>;

export interface TokenizerSteps {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly added: readonly AddedToken[];
  readonly model: Pick<TokenizerModel, 'joins'>;
}

/** What forbids it, in words, or null where nothing does. */
export function whyNotCut({ normalizer, preTokenizer, added, model }: TokenizerSteps): string | null {
  const changing = stepsOf(normalizer, 'normalizers').find((step) => !isLocal(step));
  if (changing !== undefined) return `normalizer "${typeOf(changing)}"`;
  if (!endsWords(preTokenizer) && model.joins === null) return 'pre_tokenizer, which does not end words at spaces';
  const reaching = added.find(({ rstrip, content }) => rstrip || /\S /.test(content));
  return reaching === undefined ? null : `added token ${JSON.stringify(reaching.content)}, which takes spaces in`;
}

const endsWords = (preTokenizer: unknown): boolean => stepsOf(preTokenizer, 'pretokenizers').some(splitsAtSpaces);

/**
 * Whether a token may go from an ASCII character into a space behind it, where words go over spaces; else undefined:
 * then none does.
 */
export function joinsSpace({
  normalize,
  split,
  pieces,
  model: { joins },
}: {
  readonly normalize: Normalize;
  readonly split: Split;
  readonly pieces: Pick<TokenizerSteps, 'preTokenizer'>;
  readonly model: Pick<TokenizerModel, 'joins'>;
}): ((before: string) => boolean) | undefined {
  if (joins === null || endsWords(pieces.preTokenizer)) return undefined;
  return (before) => {
    const [behind = '', last = ''] = Array.from(split([normalize(`${before} `)], false).join('')).reverse();
    return joins(last, behind);
  };
}

function stepsOf(piece: unknown, list: 'normalizers' | 'pretokenizers'): readonly Piece[] {
  if (piece === null || piece === undefined) return [];
  return typeOf(piece) === 'Sequence' ? ((piece as Piece)[list] as readonly Piece[]) : [piece as Piece];
}

function isLocal(step: Piece): boolean {
  if (typeOf(step) !== 'Replace') return LOCAL_NORMALIZERS.includes(typeOf(step));
  const { String: replaced } = step['pattern'] as { readonly String?: string };
  // A run of spaces is not cut: what stands before it is none.
  if (replaced === undefined || replaced === ' ') return true;
  return !/\s/.test(replaced) && !/\s/.test(String(step['content']));
}

function splitsAtSpaces(step: Piece): boolean {
  switch (typeOf(step)) {
    case 'ByteLevel':
      return step['use_regex'] !== false;
    case 'Metaspace':
      return step['split'] !== false;
    case 'Split':
      return Object.hasOwn(step['pattern'] as object, 'Regex');
    default:
      return SPLITTING.includes(typeOf(step));
  }
}
