// TokenizerChoice: from the options of a text data set to a tokenizer, with the special tokens that classification
// needs. It does not encode.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import { ByteTokenizer } from './byte-tokenizer.js';
import { CharTokenizer } from './char-tokenizer.js';
import type { Tokenizer } from './dataset.js';
import { type SourceFiles, VOCABULARY_LIMIT } from './source-files.js';
import { WordTokenizer } from './word-tokenizer.js';
import { WordpieceTokenizer } from './wordpiece-tokenizer.js';

export const TOKENIZER_NAMES = ['chars', 'bytes', 'words', 'wordpiece'] as const;
export type TokenizerName = (typeof TOKENIZER_NAMES)[number];

export interface TokenizerOptions {
  readonly tokenizer?: TokenizerName | undefined;
  /** Path of a wordpiece vocabulary. */
  readonly vocab?: string | undefined;
  /** Words that are kept. */
  readonly vocabulary: number;
  readonly lowercase: boolean;
}

/** Special tokens of our own tokenizers; the ids are their places. */
const PAD = 0;
const UNKNOWN = 1;
const CLASS = 2;
const CLASSIFICATION_SPECIALS = ['[PAD]', '[UNK]', '[CLS]'];

/** A tokenizer with what frames a text for classification. */
export interface Framing {
  readonly tokenizer: Tokenizer;
  readonly pad: number;
  /** Stands first in every sample. */
  readonly classToken: number;
  /** Stands last in every sample, where the tokenizer has such a token. */
  readonly separator: number | null;
}

/** Above so many different characters a language model falls back to bytes. */
const MOST_CHARS = 256;

function wordpiece(options: TokenizerOptions, folder: string, files: SourceFiles): WordpieceTokenizer {
  const path = options.vocab ?? join(folder, 'vocab.txt');
  if (options.vocab === undefined && !existsSync(path)) {
    throw new UsageError(
      'PT_DATA_OPTION',
      `the tokenizer wordpiece needs a vocabulary, and there is no ${path}`,
      'give the option vocab=FILE',
    );
  }
  return new WordpieceTokenizer(path, files.readText(path, VOCABULARY_LIMIT), { lowercase: options.lowercase });
}

const words = (texts: readonly string[], { vocabulary, lowercase }: TokenizerOptions): WordTokenizer =>
  new WordTokenizer(texts, { vocabulary, lowercase, specials: CLASSIFICATION_SPECIALS, unknown: UNKNOWN });

function* charsOf(texts: readonly string[]): Iterable<string> {
  for (const text of texts) yield* text;
}

/** The tokenizer for labelled texts; vocabularies come from the training texts alone. */
export function classificationTokenizer(
  options: TokenizerOptions,
  folder: string,
  train: readonly string[],
  files: SourceFiles,
): Framing {
  const hasVocabulary = options.vocab !== undefined || existsSync(join(folder, 'vocab.txt'));
  switch (options.tokenizer ?? (hasVocabulary ? 'wordpiece' : 'words')) {
    case 'wordpiece': {
      const tokenizer = wordpiece(options, folder, files);
      return { tokenizer, pad: tokenizer.pad, classToken: tokenizer.classToken, separator: tokenizer.separator };
    }
    case 'words':
      return { tokenizer: words(train, options), pad: PAD, classToken: CLASS, separator: null };
    case 'chars':
      return {
        tokenizer: new CharTokenizer(charsOf(train), CLASSIFICATION_SPECIALS, UNKNOWN),
        pad: PAD,
        classToken: CLASS,
        separator: null,
      };
    case 'bytes':
      return { tokenizer: new ByteTokenizer(CLASSIFICATION_SPECIALS), pad: PAD, classToken: CLASS, separator: null };
  }
}

/**
 * The tokenizer for running text. `train` is the part that trains; characters are taken from the whole text, so that
 * all of it can be encoded.
 */
export function languageTokenizer(
  options: TokenizerOptions,
  folder: string,
  text: string,
  train: string,
  files: SourceFiles,
): Tokenizer {
  switch (options.tokenizer) {
    case 'wordpiece':
      return wordpiece(options, folder, files);
    case 'words':
      return words([train], options);
    case 'bytes':
      return new ByteTokenizer();
    case 'chars':
      return new CharTokenizer(text);
    case undefined: {
      if (options.vocab !== undefined) return wordpiece(options, folder, files);
      const chars = new CharTokenizer(text);
      return chars.size > MOST_CHARS ? new ByteTokenizer() : chars;
    }
  }
}
