// TokenizerSource: from the path of a tokenizer.json, of a vocabulary with one token per line, of a vocab.json beside
// merges.txt, or of a folder with one of these, to the tokenizer and the frame of its samples. What lies beside the
// file is honoured; where files contradict each other the tokenizer is refused with both.
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../core/errors.js';
import { hasMerges, MERGES_NAME, readMerges, VOCAB_NAME } from './merges-file.js';
import type { Framing } from './sample-frame.js';
import type { SourceFiles } from './source-files.js';
import { readTokenizerConfig, type TokenizerConfig } from './tokenizer-config.js';
import type { TokenizerIdentity } from './tokenizer-identity.js';
import { readTokenizerJson } from './tokenizer-json.js';
import { refused, unsupported } from './tokenizer-refusal.js';
import { readVocabularyFile, vocabularyLines } from './vocabulary-file.js';

const JSON_NAME = 'tokenizer.json';
const LINES_NAME = 'vocab.txt';

/** The file of a folder that says what its tokenizer is, or null. */
export const tokenizerFile = (folder: string): string | null =>
  [JSON_NAME, LINES_NAME].map((name) => join(folder, name)).find((path) => existsSync(path)) ??
  (hasMerges(folder) ? join(folder, VOCAB_NAME) : null);

/**
 * Reads the tokenizer. `lowercase` is what the user says, or null; it counts where the files say nothing. Throws
 * PT_TOKENIZER and what reading throws; UsageError PT_DATA_OPTION where a folder has no such file.
 */
export function readTokenizer(path: string, lowercase: boolean | null, files: SourceFiles): Framing {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? tokenizerFile(path) : path;
  if (file === null)
    throw new UsageError(
      'PT_DATA_OPTION',
      `the folder ${path} has neither ${JSON_NAME} nor ${LINES_NAME}, nor ${VOCAB_NAME} with ${MERGES_NAME}`,
      'name a tokenizer.json or a vocabulary with one token per line: vocab=FILE',
    );
  const folder = dirname(file);
  const config = readTokenizerConfig(folder, files);
  const [json, lines] = [join(folder, JSON_NAME), join(folder, LINES_NAME)];
  const isPair = [JSON_NAME, LINES_NAME].includes(basename(file)) && existsSync(json) && existsSync(lines);
  const framing = isPair
    ? readTokenizerJson(json, config, files)
    : readSingle(file, { folder, config, lowercase, files });
  if (isPair) requireSameTokens(framing, lines, files);
  requirePlace(framing, config);
  requireFolding(framing, config);
  return framing;
}

function readSingle(
  file: string,
  {
    folder,
    config,
    lowercase,
    files,
  }: {
    readonly folder: string;
    readonly config: TokenizerConfig;
    readonly lowercase: boolean | null;
    readonly files: SourceFiles;
  },
): Framing {
  if (basename(file) === VOCAB_NAME && hasMerges(folder)) return readMerges(file, config, files);
  return file.endsWith('.json')
    ? readTokenizerJson(file, config, files)
    : readVocabularyFile(file, config, lowercase, files);
}

/** A sample that holds the frame alone would be the same one for every text. */
function requirePlace({ prefix, suffix }: Framing, { most }: TokenizerConfig): void {
  const frame = prefix.length + suffix.length;
  if (most === null || most.tokens > frame) return;
  throw refused(
    most.file,
    `${most.key} is ${most.tokens}; a sample is framed with ${frame} tokens, which leaves no place for its text`,
    `correct ${most.key} to the number of tokens that the model was trained with, or remove it`,
  );
}

function requireFolding({ tokenizer }: Framing, { folding }: TokenizerConfig): void {
  if (folding !== null && tokenizer.identity.settings['lowercase'] !== true)
    throw unsupported(folding, 'do_lower_case true with a tokenizer that tells capital letters from small ones');
}

/** Where both are there, each line has to be the token with its number. */
function requireSameTokens({ tokenizer }: Framing, lines: string, files: SourceFiles): void {
  const theirs = vocabularyLines(lines, files);
  const ours = tokenizer.identity.tokens ?? [];
  const at = theirs.findIndex((token, id) => token !== ours[id]);
  const isCut = at < 0 && tokenizer.identity.kind === 'wordpiece' && !restIsAdded(tokenizer.identity, theirs.length);
  if (at < 0 && !isCut) return;
  const line = at < 0 ? theirs.length : at;
  throw refused(
    dirname(lines),
    `${LINES_NAME} (${theirs.length} tokens) and ${JSON_NAME} (${ours.length} tokens) contradict each other: line ` +
      `${line + 1} is ${JSON.stringify(theirs[line] ?? null)}, token ${line} is ${JSON.stringify(ours[line] ?? null)}`,
    'keep only the file that belongs to the weights',
  );
}

/** Whether all tokens from `count` on are such as are added to a vocabulary. */
function restIsAdded({ tokens, settings }: TokenizerIdentity, count: number): boolean {
  const added = new Set((JSON.parse(String(settings['added'])) as [number][]).map(([id]) => id));
  return (tokens ?? []).every((_, id) => id < count || added.has(id));
}

/** Throws UsageError PT_DATA_OPTION where the files contradict what the user says of the case, if anything. */
export function requireCase({ tokenizer }: Framing, lowercase: boolean | null): void {
  const folds = tokenizer.identity.settings['lowercase'];
  if (lowercase === null || folds === undefined || folds === lowercase) return;
  throw new UsageError(
    'PT_DATA_OPTION',
    `the option lowercase=${lowercase} contradicts ${tokenizer.file}, which says ${String(folds)}`,
    'leave the option out',
  );
}
