// TextCut: whether a text may be cut in front of a space behind something else, the tokens of the parts being those of
// the whole, with the steps of a tokenizer.json. It cuts nothing.
import type { AddedToken } from './added-tokens.js';
import { typeOf } from './tokenizer-normalizer.js';

/** Steps that change one character, or several that follow on each other without a space between. */
const LOCAL_NORMALIZERS = ['BertNormalizer', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase'];
/** Pre-tokenizers after which no word goes from something else into a space behind it. */
const SPLITTING = ['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit', 'Split'];

type Piece = Readonly<Record<string, unknown>>;

export interface TokenizerSteps {
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly added: readonly AddedToken[];
}

/** What forbids it, in words, or null where nothing does. */
export function whyNotCut({ normalizer, preTokenizer, added }: TokenizerSteps): string | null {
  const changing = stepsOf(normalizer, 'normalizers').find((step) => !isLocal(step));
  if (changing !== undefined) return `normalizer "${typeOf(changing)}"`;
  if (!stepsOf(preTokenizer, 'pretokenizers').some(splitsAtSpaces))
    return 'pre_tokenizer, which does not end words at spaces';
  const reaching = added.find(({ rstrip, content }) => rstrip || /\S /.test(content));
  return reaching === undefined ? null : `added token ${JSON.stringify(reaching.content)}, which takes spaces in`;
}

function stepsOf(piece: unknown, list: 'normalizers' | 'pretokenizers'): readonly Piece[] {
  if (piece === null || piece === undefined) return [];
  return typeOf(piece) === 'Sequence' ? ((piece as Piece)[list] as readonly Piece[]) : [piece as Piece];
}

function isLocal(step: Piece): boolean {
  if (typeOf(step) !== 'Replace') return LOCAL_NORMALIZERS.includes(typeOf(step));
  const { String: replaced } = step['pattern'] as { readonly String: string };
  return !/\s/.test(replaced) && !/\s/.test(String(step['content']));
}

function splitsAtSpaces(step: Piece): boolean {
  switch (typeOf(step)) {
    case 'ByteLevel':
      return step['use_regex'] !== false;
    case 'Metaspace':
      return step['split'] !== false;
    default:
      return SPLITTING.includes(typeOf(step));
  }
}
