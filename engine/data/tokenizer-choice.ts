// TokenizerChoice: from the options of a text data set to a tokenizer, with the special tokens that classification
// needs. It does not encode.
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { ByteTokenizer } from './byte-tokenizer.js';
import { CharTokenizer } from './char-tokenizer.js';
import type { Tokenizer } from './dataset.js';
import { FileTokenizer } from './file-tokenizer.js';
import type { LegendTokenizer } from './legend-tokenizer.js';
import { bertPair } from './pair-frame.js';
import type { Framing } from './sample-frame.js';
import type { SourceFiles } from './source-files.js';
import { refused, unsupported } from './tokenizer-refusal.js';
import { readTokenizer, requireCase, tokenizerFile } from './tokenizer-source.js';
import { TRAINED_NAME, TrainedTokenizer, trainTokenizer } from './trained-tokenizer.js';
import { WordTokenizer } from './word-tokenizer.js';

const TOKENIZER_NAMES = ['chars', 'bytes', 'words', 'wordpiece'] as const;
type TokenizerName = (typeof TOKENIZER_NAMES)[number];
/** The option `tokenizer`. */
export const tokenizerOption = z
  .string()
  .refine((name) => TOKENIZER_NAMES.some((known) => known === name) || TRAINED_NAME.test(name), {
    error: `one of ${TOKENIZER_NAMES.join(', ')} is needed, or one that is trained: bpe:N or wordpiece:N, N tokens`,
  });

export interface TokenizerOptions {
  /** One of the names, or as TRAINED_NAME. */
  readonly tokenizer?: string | undefined;
  /** Path of a tokenizer.json, of a wordpiece vocabulary, or of a folder with either. */
  readonly vocab?: string | undefined;
  /** Words that are kept. */
  readonly vocabulary: number;
  /** Default: as the files of the tokenizer say, else true. */
  readonly lowercase?: boolean | undefined;
  /** That of the weights to start from, where nothing else was asked for. */
  readonly legend: LegendTokenizer | null;
}

/** Special tokens of our own tokenizers; the ids are their places. */
const PAD = 0;
const UNKNOWN = 1;
const CLASS = 2;
const SEPARATOR = 3;
const CLASSIFICATION_SPECIALS = ['[PAD]', '[UNK]', '[CLS]'];
const PAIR_SPECIALS = [...CLASSIFICATION_SPECIALS, '[SEP]'];

/** Above so many different characters a language model falls back to bytes. */
const MOST_CHARS = 256;

/** The tokenizer of a file: the one that is named, or the one beside the data. */
function fromFile({ vocab, lowercase, tokenizer }: TokenizerOptions, folder: string, files: SourceFiles): Framing {
  const path = vocab ?? tokenizerFile(folder);
  if (path === null) {
    throw new UsageError(
      'PT_DATA_OPTION',
      `the tokenizer wordpiece needs a vocabulary, and there is no vocab.txt or tokenizer.json in ${folder}`,
      'give the option vocab=FILE',
    );
  }
  const framing = readTokenizer(path, lowercase ?? null, files);
  requireCase(framing, lowercase ?? null);
  const { name, file } = framing.tokenizer;
  if (tokenizer === 'wordpiece' && name !== 'wordpiece') {
    throw new UsageError(
      'PT_DATA_OPTION',
      `the option tokenizer=wordpiece contradicts ${file}, which is a tokenizer of the kind ${name}`,
      'leave the option tokenizer out: vocab=FILE is enough',
    );
  }
  return framing;
}

const words = (
  texts: Iterable<string>,
  { vocabulary, lowercase = true }: TokenizerOptions,
  specials: readonly string[] = CLASSIFICATION_SPECIALS,
): WordTokenizer => new WordTokenizer(texts, { vocabulary, lowercase, specials, unknown: UNKNOWN });

/** A tokenizer with what makes samples of one length of texts. */
export type FilledFraming = Framing & { readonly pad: number };

const own = (tokenizer: Tokenizer, isPair: boolean): FilledFraming => ({
  tokenizer,
  pad: PAD,
  prefix: [CLASS],
  suffix: [],
  mostTokens: null,
  ...(isPair ? { pair: bertPair([CLASS], [SEPARATOR]) } : {}),
});

function* charsOf(texts: readonly string[]): Iterable<string> {
  for (const text of texts) yield* text;
}

/** What frames a text for a tokenizer that is known already; null where it lacks the special tokens for that. */
function framingOf(tokenizer: LegendTokenizer, isPair: boolean): FilledFraming | null {
  if (tokenizer instanceof TrainedTokenizer) {
    const { prefix, pad } = tokenizer.framing;
    return prefix.length === 0 || pad === null ? null : { ...tokenizer.framing, tokenizer, pad };
  }
  const { kind, tokens, settings } = tokenizer.identity;
  const specials = kind === 'bytes' ? String(settings['specials']) : tokens?.slice(0, Number(settings['specials']));
  const wanted = specialsOf(isPair);
  const needed = kind === 'bytes' ? wanted.join(' ') : wanted;
  if (JSON.stringify(specials) !== JSON.stringify(needed)) return null;
  return own(tokenizer, isPair);
}

const specialsOf = (isPair: boolean): readonly string[] => (isPair ? PAIR_SPECIALS : CLASSIFICATION_SPECIALS);

/** The tokenizer for labelled texts, or pairs of them; vocabularies come from the training texts alone. */
export function classificationTokenizer(
  options: TokenizerOptions,
  folder: string,
  train: readonly string[],
  { files, isPair }: { readonly files: SourceFiles; readonly isPair: boolean },
): FilledFraming {
  const known = options.legend === null ? null : framingOf(options.legend, isPair);
  if (known !== null) return known;
  const specials = specialsOf(isPair);
  const trained = trainedTokenizer(options, train, true);
  if (trained !== null) return framed(trained);
  const hasVocabulary = options.vocab !== undefined || tokenizerFile(folder) !== null;
  switch ((options.tokenizer ?? (hasVocabulary ? 'wordpiece' : 'words')) as TokenizerName) {
    case 'wordpiece':
      return framed(fromFile(options, folder, files));
    case 'words':
      return own(words(train, options, specials), isPair);
    case 'chars':
      return own(new CharTokenizer(charsOf(train), specials, UNKNOWN), isPair);
    case 'bytes':
      return own(new ByteTokenizer(specials), isPair);
  }
}

/** One that is trained, where that was asked for; null where not. */
function trainedTokenizer(options: TokenizerOptions, texts: Iterable<string>, isFramed: boolean): Framing | null {
  const { tokenizer: name, vocab, lowercase = true } = options;
  if (name === undefined || !TRAINED_NAME.test(name)) return null;
  if (vocab === undefined) return trainTokenizer([...texts], { name, lowercase, isFramed });
  throw new UsageError(
    'PT_DATA_OPTION',
    `the option tokenizer=${name} trains a tokenizer, and vocab=${vocab} names one that is there`,
    'leave one of the two out; a model that was pretrained needs its own',
  );
}

/** A classifier needs a token that is always there, or an empty text would be nothing. */
function framed(framing: Framing): FilledFraming {
  const { prefix, suffix, tokenizer, pad } = framing;
  if (pad === null)
    throw refused(
      tokenizer.file ?? tokenizer.name,
      'nothing names a padding token',
      'name one of its tokens as pad_token in tokenizer_config.json',
    );
  if (prefix.length + suffix.length > 0) return { ...framing, pad };
  throw refused(
    tokenizer.file ?? tokenizer.name,
    'nothing frames a text (post_processor), so that an empty one would have no token',
    'use a tokenizer that frames texts, as that of BERT does with [CLS] and [SEP]',
  );
}

/**
 * The tokenizer for running text. `train` are pieces of the part that trains; characters are taken from the whole text,
 * so that all of it can be encoded; who has them already gives each once.
 */
export function languageTokenizer(
  options: TokenizerOptions,
  folder: string,
  text: string,
  train: Iterable<string>,
  files: SourceFiles,
): Tokenizer {
  if (options.legend !== null) return options.legend;
  const trained = trainedTokenizer(options, train, false);
  if (trained !== null) return trained.tokenizer;
  switch (options.tokenizer as TokenizerName | undefined) {
    case 'wordpiece':
      return running(options, folder, files);
    case 'words':
      return words(train, options);
    case 'bytes':
      return new ByteTokenizer();
    case 'chars':
      return new CharTokenizer(text);
    case undefined: {
      if (options.vocab !== undefined) return running(options, folder, files);
      const chars = new CharTokenizer(text);
      return chars.size > MOST_CHARS ? new ByteTokenizer() : chars;
    }
  }
}

/** Running text is cut where no token goes on: behind line breaks for BERT, else in front of spaces that end words. */
function running(options: TokenizerOptions, folder: string, files: SourceFiles): Tokenizer {
  const { tokenizer } = fromFile(options, folder, files);
  const why = tokenizer instanceof FileTokenizer ? tokenizer.whole : null;
  if (why === null) return tokenizer;
  throw unsupported(
    tokenizer.file ?? tokenizer.name,
    `running text, which is taken apart piece by piece, with the ${why}`,
  );
}
