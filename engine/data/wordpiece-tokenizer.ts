// WordpieceTokenizer: the tokenizer of BERT (Devlin et al. 2018) over a given vocabulary: words as bert-text.ts makes
// them, pieces as word-pieces.ts does. It does not add [CLS] or [SEP], but finds them in a text.
import { addedText, type AddedToken, AddedTokens } from './added-tokens.js';
import { bertNormalized, type BertTextSettings, bertWords } from './bert-text.js';
import type { Tokenizer } from './dataset.js';
import { type TokenizerIdentity, tokenizerIdentity, type TokenizerSettings } from './tokenizer-identity.js';
import { type WordPieceModel, WordPieces } from './word-pieces.js';

export interface WordpieceParts {
  readonly file: string;
  readonly model: WordPieceModel;
  readonly text: BertTextSettings;
  readonly added: readonly AddedToken[];
  /** What else decides the ids of a sample. */
  readonly frame: TokenizerSettings;
}

export class WordpieceTokenizer implements Tokenizer {
  readonly name = 'wordpiece';
  readonly file: string;
  readonly size: number;
  readonly identity: TokenizerIdentity;
  readonly unknown: number;
  readonly #parts: WordpieceParts;
  readonly #pieces: WordPieces;
  readonly #added: AddedTokens;

  constructor(parts: WordpieceParts) {
    const { file, model, text, added, frame } = parts;
    // The frame has a prefix, too: ids in front of every text.
    const { tokens, prefix: continuation, ...rules } = model;
    this.file = file;
    this.size = tokens.length;
    this.unknown = model.unknown;
    this.#parts = parts;
    this.#pieces = new WordPieces(model);
    this.#added = new AddedTokens(added, (raw) => bertNormalized(raw, text));
    this.identity = tokenizerIdentity('wordpiece', tokens, {
      ...frame,
      ...text,
      ...rules,
      continuation,
      added: addedText(added),
    });
  }

  encode(text: string): number[] {
    return this.#added
      .sections(text)
      .flatMap((section) =>
        'id' in section ? [section.id] : bertWords(section.text).flatMap((word) => this.#pieces.idsOf(word)),
      );
  }

  decode(ids: readonly number[]): string {
    const { tokens, prefix } = this.#parts.model;
    return ids
      .map((id) => tokens[id] ?? '')
      .join(' ')
      .replaceAll(` ${prefix}`, '');
  }
}
