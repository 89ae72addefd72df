// TokenizerSource: from the path of a tokenizer.json, of a vocabulary with one token per line, or of a folder with
// either, to the tokenizer and the frame of its samples. What lies beside the file is honoured; where files contradict
// each other the tokenizer is refused with both.
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../core/errors.js';
import type { Framing } from './sample-frame.js';
import type { SourceFiles } from './source-files.js';
import { readTokenizerConfig } from './tokenizer-config.js';
import type { TokenizerIdentity } from './tokenizer-identity.js';
import { readTokenizerJson } from './tokenizer-json.js';
import { refused } from './tokenizer-refusal.js';
import { readVocabularyFile, vocabularyLines } from './vocabulary-file.js';

const JSON_NAME = 'tokenizer.json';
const LINES_NAME = 'vocab.txt';

/** The file of a folder that says what its tokenizer is, or null. */
export const tokenizerFile = (folder: string): string | null =>
  [JSON_NAME, LINES_NAME].map((name) => join(folder, name)).find((path) => existsSync(path)) ?? null;

/**
 * Reads the tokenizer. `lowercase` is what the user says, or null; it counts where the files say nothing. Throws
 * PT_TOKENIZER and what reading throws; UsageError PT_DATA_OPTION where a folder has no such file.
 */
export function readTokenizer(path: string, lowercase: boolean | null, files: SourceFiles): Framing {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? tokenizerFile(path) : path;
  if (file === null)
    throw new UsageError(
      'PT_DATA_OPTION',
      `the folder ${path} has neither ${JSON_NAME} nor ${LINES_NAME}`,
      'name a tokenizer.json or a vocabulary with one token per line: vocab=FILE',
    );
  const folder = dirname(file);
  const config = readTokenizerConfig(folder, files);
  const [json, lines] = [join(folder, JSON_NAME), join(folder, LINES_NAME)];
  const isPair = [JSON_NAME, LINES_NAME].includes(basename(file)) && existsSync(json) && existsSync(lines);
  const framing =
    isPair || file.endsWith('.json')
      ? readTokenizerJson(isPair ? json : file, config, files)
      : readVocabularyFile(file, config, lowercase, files);
  if (isPair) requireSameTokens(framing, lines, files);
  return framing;
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
