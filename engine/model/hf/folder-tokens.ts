// FolderTokens: whether the ids of the data mean the rows of a pretrained table. Ids of another vocabulary, or of the
// same one read by other rules, would train on rows that mean something else, with nothing to show for it.
import { ModelError } from '../../core/errors.js';
import type { DataInfo } from '../../data/dataset.js';
import { SourceFiles } from '../../data/source-files.js';
import type { TokenizerSettings } from '../../data/tokenizer-identity.js';
import { readTokenizer, tokenizerFile } from '../../data/tokenizer-source.js';

/** Kinds of tokenizers that were read from a file; the others make their ids of the training texts. */
const FROM_FILE = ['wordpiece', 'file'];

export interface TokenRows {
  /** Of the model, for messages. */
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** Of the table. */
  readonly rows: number;
  /** Ids that config.json names, by key, and where samples have them: as filling, first or last. */
  readonly special: readonly (readonly [string, number | null | undefined, 'pad' | 'first' | 'last'])[];
  /** Which data to use. */
  readonly wants: string;
}

/** Throws ModelError PT_MODEL_DATA where the `vocabulary` ids of the data are not those of the folder. */
export function requireTokens(
  { name, folder, rows, special, wants }: TokenRows,
  data: DataInfo,
  vocabulary: number,
): void {
  const file = tokenizerFile(folder);
  const ids = data.tokenizer;
  if (ids !== undefined && !FROM_FILE.includes(ids.kind)) throw ownIds(name, folder, ids.kind, file, wants);
  if (vocabulary > rows)
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${name} has rows for ${rows} tokens (vocab_size), the tokenizer of the data ` +
        `(${ids?.file ?? 'unknown'}) has ${vocabulary}`,
      'use the tokenizer that the model was trained with',
    );
  if (file !== null) requireThose(name, file, data, vocabulary);
  if (ids !== undefined) requireSpecial(folder, special, ids.settings);
}

/** Tables are filled up to such multiples, for speed; then nothing is lacking. */
const FILLED_TO = 8;
/** By fewer rows than this. */
const MOST_FILLING = 128;

/** What is said of a table with more rows than the tokenizer has tokens, unless it was filled up; or null. */
export function spareRows({ name, rows }: Pick<TokenRows, 'name' | 'rows'>, vocabulary: number): string | null {
  const spare = rows - vocabulary;
  if (spare === 0 || (spare < MOST_FILLING && rows % FILLED_TO === 0)) return null;
  return (
    `the model ${name} has rows for ${rows} tokens (vocab_size), its tokenizer has ${vocabulary}: check ` +
    'that the tokenizer is the one that the weights were trained with; another one gives ids that mean other rows'
  );
}

function ownIds(name: string, folder: string, kind: string, file: string | null, wants: string): ModelError {
  const what = `the ids of the tokenizer ${kind} mean other rows than those that the model ${name} was trained with`;
  return file === null
    ? new ModelError(
        'PT_MODEL_DATA',
        `${what}; ${folder} has neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt`,
        `put the tokenizer beside the weights (tokenizer.save_pretrained("${folder}")), or name its file with ` +
          '--data-options vocab=FILE',
      )
    : new ModelError(
        'PT_MODEL_DATA',
        `${what}; its own is ${file}`,
        `leave tokenizer out of --data-options, and ${wants}`,
      );
}

/** The tokenizer of the data has to give the ids that the one of the folder gives. */
function requireThose(name: string, file: string, { tokenizer: ids }: DataInfo, vocabulary: number): void {
  const told = ids?.settings['lowercase'];
  const { tokenizer } = readTokenizer(file, typeof told === 'boolean' ? told : null, new SourceFiles());
  const isSame = ids === undefined ? vocabulary === tokenizer.size : ids.sha256 === tokenizer.identity.sha256;
  if (isSame) return;
  throw new ModelError(
    'PT_MODEL_DATA',
    `the tokenizer of the data (${ids?.file ?? 'unknown'}, ${vocabulary} tokens) gives other ids than that of the ` +
      `model ${name} (${tokenizer.file}, ${tokenizer.size} tokens)` +
      differing(ids?.settings ?? {}, tokenizer.identity.settings),
    'leave vocab, tokenizer and lowercase out of --data-options: the tokenizer of the folder is used then',
  );
}

function differing(theirs: TokenizerSettings, ours: TokenizerSettings): string {
  const keys = Object.keys(ours).filter((key) => key in theirs && theirs[key] !== ours[key]);
  const told = keys.map((key) => `${key} ${String(theirs[key]).slice(0, 40)} and ${String(ours[key]).slice(0, 40)}`);
  return told.length === 0 ? '' : `: ${told.join(', ')}`;
}

/** The ids of special tokens that config.json names are those that samples are made with. */
function requireSpecial(
  folder: string,
  special: TokenRows['special'],
  { pad, prefix, suffix }: TokenizerSettings,
): void {
  const used = {
    pad: Number(pad),
    first: Number(String(prefix).split(' ')[0]),
    last: Number(String(suffix).split(' ').at(-1)),
  };
  for (const [key, said, place] of special)
    if (said != null && said !== used[place])
      throw new ModelError(
        'PT_MODEL_DATA',
        `${folder}/config.json says ${key} ${said}, the tokenizer of the data says ${used[place]}`,
        'use the tokenizer that the model was trained with, or correct the file that is wrong',
      );
}
