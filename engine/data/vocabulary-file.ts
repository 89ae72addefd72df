// VocabularyFile: a WordPiece vocabulary with one token per line, the line number being the id, and the tokenizer of
// BERT over it, as the settings beside it say.
import { DataError } from '../core/errors.js';
import type { AddedToken } from './added-tokens.js';
import { bertPair } from './pair-frame.js';
import { frameSettings, type Framing } from './sample-frame.js';
import { type SourceFiles, VOCABULARY_LIMIT } from './source-files.js';
import type { TokenizerConfig, TokenRole } from './tokenizer-config.js';
import { refused, unsupported } from './tokenizer-refusal.js';
import { WordpieceTokenizer } from './wordpiece-tokenizer.js';

/** As in BERT. */
const PREFIX = '##';
const LONGEST_WORD = 100;
const NAMES: readonly (readonly [TokenRole, string])[] = [
  ['pad', '[PAD]'],
  ['unk', '[UNK]'],
  ['cls', '[CLS]'],
  ['sep', '[SEP]'],
  ['mask', '[MASK]'],
];
const NEEDED: readonly TokenRole[] = ['pad', 'unk', 'cls', 'sep'];
/** Tokenizers, by the names of their classes, that do what is done here with a vocabulary. */
export const BERT_CLASSES = ['BertTokenizer', 'DistilBertTokenizer', 'ElectraTokenizer'];
/** Classes that do what a tokenizer.json says, whatever it is. */
export const GENERIC_CLASSES = ['PreTrainedTokenizer', 'TokenizersBackend'];

export function vocabularyLines(file: string, files: SourceFiles): string[] {
  const lines = files
    .readText(file, VOCABULARY_LIMIT)
    .split('\n')
    .map((line) => line.replace(/\r$/, ''));
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * The tokenizer. `lowercase` is what the user says where `config` says nothing; null: fold it. Throws
 * PT_DATA_VOCABULARY where a token that BERT needs is missing, PT_TOKENIZER for settings that are not supported, and
 * where nothing says whether to fold the case of a vocabulary with capital letters.
 */
export function readVocabularyFile(
  file: string,
  config: TokenizerConfig,
  lowercase: boolean | null,
  files: SourceFiles,
): Framing {
  const { className } = config;
  if (className !== null && ![...BERT_CLASSES, ...GENERIC_CLASSES].includes(className))
    throw unsupported(config.file, `tokenizer_class "${className}" with a vocabulary alone (no tokenizer.json)`);
  const tokens = withAdded(file, vocabularyLines(file, files), config);
  const { special, added } = specialTokens(file, tokens, config);
  const [pad = 0, unknown = 0, first = 0, last = 0] = NEEDED.map((role) => special.get(role));
  const frame = { prefix: [first], suffix: [last], pair: bertPair([first], [last]) };
  const folds = config.lowercase ?? lowercase ?? foldsUnsaid(file, tokens);
  const tokenizer = new WordpieceTokenizer({
    file,
    model: { tokens, unknown, prefix: PREFIX, longestWord: LONGEST_WORD },
    text: {
      lowercase: folds,
      // Where nothing is said, accents go together with case.
      stripAccents: config.stripAccents ?? folds,
      cleanText: true,
      splitIdeographs: config.splitIdeographs ?? true,
    },
    added,
    frame: frameSettings(frame, pad),
  });
  return { tokenizer, ...frame, pad, mostTokens: config.most?.tokens ?? null };
}

/** The tokens of the file, and behind them those that are added to it. */
function withAdded(file: string, lines: readonly string[], config: TokenizerConfig): string[] {
  const tokens = [...lines];
  for (const { id, content } of [...config.added].sort((a, b) => a.id - b.id)) {
    if (id === tokens.length) tokens.push(content);
    else if (tokens[id] !== content)
      throw refused(
        config.file,
        `added_tokens_decoder says that ${id} is ${JSON.stringify(content)}, ${file} says ` +
          (id < tokens.length ? JSON.stringify(tokens[id]) : `nothing above ${tokens.length - 1}`),
      );
  }
  return tokens;
}

/** The ids of the special tokens by what they are for, and all tokens that are found in a text. */
function specialTokens(
  file: string,
  tokens: readonly string[],
  config: TokenizerConfig,
): { readonly special: ReadonlyMap<TokenRole, number>; readonly added: readonly AddedToken[] } {
  const idOf = uniqueIds(file, tokens);
  const added = [...config.added];
  const special = new Map<TokenRole, number>();
  const roles = new Map<TokenRole, string>([...NAMES, ...config.names]);
  for (const [role, content] of roles) {
    const id = idOf.get(content);
    if (id !== undefined) {
      special.set(role, id);
      if (!added.some((listed) => listed.id === id)) added.push(plain(id, content));
    } else if (NEEDED.includes(role)) throw lacking(file, tokens.length, content);
    else if (config.names.has(role))
      throw refused(config.file, `it names ${role}_token ${JSON.stringify(content)}, which ${file} lacks`);
  }
  const lost = config.additional.find((content) => !added.some((listed) => listed.content === content));
  if (lost !== undefined)
    throw unsupported(config.file, `the special token ${JSON.stringify(lost)}, which is not listed as added,`);
  return { special, added };
}

/** The id of each token. Throws PT_TOKENIZER where one has two: which of the rows was trained cannot be known. */
function uniqueIds(file: string, tokens: readonly string[]): ReadonlyMap<string, number> {
  const idOf = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const other = idOf.get(token);
    if (other !== undefined)
      throw refused(
        file,
        `the token ${JSON.stringify(token)} stands in line ${other + 1} and in line ${id + 1}`,
        'use the vocabulary as it came with the weights; a token has one line, and its number is the row of the table',
      );
    idOf.set(token, id);
  }
  return idOf;
}

/** Whether case is folded where nobody says so: as BERT's tokenizer does, but not where capitals would be lost. */
function foldsUnsaid(file: string, tokens: readonly string[]): boolean {
  const capital = tokens.find((token) => /\p{Lu}/u.test(token) && !/^[[<].*[\]>]$/u.test(token));
  if (capital === undefined) return true;
  throw refused(
    file,
    `it has tokens with capital letters (${JSON.stringify(capital)}), and nothing says whether case is folded`,
    'use --data-options lowercase=false (or true), or do_lower_case in tokenizer_config.json beside it',
  );
}

const plain = (id: number, content: string): AddedToken => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const lacking = (file: string, count: number, token: string): DataError =>
  new DataError(
    'PT_DATA_VOCABULARY',
    `${file} has ${count} tokens but not ${token}`,
    'a wordpiece vocabulary has one token per line, among them [PAD], [UNK], [CLS] and [SEP], or those that ' +
      'tokenizer_config.json names instead',
  );
