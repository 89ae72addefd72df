// WordpieceTokenizer: the tokenizer of BERT (Devlin et al. 2018) over a given vocabulary: clean, fold case, split at
// spaces and punctuation, then the longest known piece from the left, pieces inside a word marked with ##. It does not
// add [CLS] or [SEP].
import { DataError } from '../core/errors.js';
import type { Tokenizer } from './dataset.js';
import { type TokenizerIdentity, tokenizerIdentity } from './tokenizer-identity.js';

const REQUIRED = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'] as const;
/** Words longer than this (code points) are unknown, as in BERT. */
const LONGEST_WORD = 100;
/** Ideographs stand alone, since their writing has no spaces. */
const IDEOGRAPH =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;
/** All ASCII marks count as punctuation, also those that Unicode calls symbols. */
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/gu;
/** NUL, the replacement character and control characters, except those that are spaces. */
const INVISIBLE = /[\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu;

export class WordpieceTokenizer implements Tokenizer {
  readonly name = 'wordpiece';
  readonly file: string;
  readonly size: number;
  readonly identity: TokenizerIdentity;
  readonly pad: number;
  readonly unknown: number;
  readonly classToken: number;
  readonly separator: number;
  readonly #tokens: readonly string[];
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #lowercase: boolean;

  /**
   * `vocabulary` has one token per line, the line number being the id. Throws PT_DATA_VOCABULARY where a token that
   * BERT needs is missing.
   */
  constructor(path: string, vocabulary: string, { lowercase }: { readonly lowercase: boolean }) {
    const lines = vocabulary.split('\n').map((line) => line.replace(/\r$/, ''));
    if (lines.at(-1) === '') lines.pop();
    this.#tokens = lines;
    this.#idOf = new Map(lines.map((token, id) => [token, id]));
    this.#lowercase = lowercase;
    this.file = path;
    this.identity = tokenizerIdentity('wordpiece', lines, { lowercase });
    this.size = lines.length;
    const [pad, unknown, classToken, separator] = REQUIRED.map((token) => {
      const id = this.#idOf.get(token);
      if (id === undefined) {
        throw new DataError(
          'PT_DATA_VOCABULARY',
          `${path} has ${lines.length} tokens but not ${token}`,
          `a wordpiece vocabulary has one token per line, among them ${REQUIRED.join(', ')}`,
        );
      }
      return id;
    }) as [number, number, number, number];
    this.pad = pad;
    this.unknown = unknown;
    this.classToken = classToken;
    this.separator = separator;
  }

  encode(text: string): number[] {
    return this.#words(text).flatMap((word) => this.#pieces(word));
  }

  decode(ids: readonly number[]): string {
    return ids
      .map((id) => this.#tokens[id] ?? '')
      .join(' ')
      .replaceAll(' ##', '');
  }

  #words(text: string): string[] {
    let clean = text.replace(INVISIBLE, '').replace(IDEOGRAPH, ' $& ');
    // Accents go only together with case, as in the uncased models.
    if (this.#lowercase)
      clean = clean
        .toLowerCase()
        .normalize('NFD')
        .replace(/\p{Mn}/gu, '');
    return clean
      .replace(PUNCTUATION, ' $& ')
      .split(/\s+/u)
      .filter((word) => word !== '');
  }

  #pieces(word: string): number[] {
    const chars = Array.from(word);
    if (chars.length > LONGEST_WORD) return [this.unknown];
    const ids: number[] = [];
    for (let from = 0; from < chars.length;) {
      let to = chars.length;
      let id: number | undefined;
      for (; to > from; to--) {
        id = this.#idOf.get((from > 0 ? '##' : '') + chars.slice(from, to).join(''));
        if (id !== undefined) break;
      }
      // One unknown piece makes the whole word unknown.
      if (id === undefined) return [this.unknown];
      ids.push(id);
      from = to;
    }
    return ids;
  }
}
