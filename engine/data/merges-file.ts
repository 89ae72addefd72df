// MergesFile: a byte-level BPE tokenizer as it was kept before there was tokenizer.json: vocab.json with the ids of all
// tokens, merges.txt with what is joined, in this order. What is done besides follows from the name of the tokenizer.
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { DESCRIPTION_BYTES } from '../core/bounded-file.js';
import type { AddedToken } from './added-tokens.js';
import type { Framing } from './sample-frame.js';
import { type SourceFiles, VOCABULARY_LIMIT } from './source-files.js';
import { readJson, type TokenizerConfig, type TokenRole } from './tokenizer-config.js';
import { describedTokenizer } from './tokenizer-json.js';
import { checked } from './tokenizer-normalizer.js';
import { refused } from './tokenizer-refusal.js';
import { contractionsSource } from './tokenizer-splitter.js';
import { GENERIC_CLASSES } from './vocabulary-file.js';

export const VOCAB_NAME = 'vocab.json';
export const MERGES_NAME = 'merges.txt';

/** What a tokenizer does, by the name of its class; and the `model_type` that has it where no class is named. */
interface Kind {
  readonly className: string;
  readonly modelTypes: readonly string[];
  /** Special tokens where nothing names others. */
  readonly names: Readonly<Partial<Record<TokenRole, string>>>;
  readonly splitsDigits: boolean;
  readonly isFramed: boolean;
}

const END = '<|endoftext|>';
const KINDS: readonly Kind[] = [
  {
    className: 'GPT2Tokenizer',
    modelTypes: ['gpt2'],
    names: { bos: END, eos: END, unk: END },
    splitsDigits: false,
    isFramed: false,
  },
  {
    className: 'RobertaTokenizer',
    modelTypes: ['roberta'],
    names: { bos: '<s>', eos: '</s>', cls: '<s>', sep: '</s>', unk: '<unk>', pad: '<pad>', mask: '<mask>' },
    splitsDigits: false,
    isFramed: true,
  },
  {
    className: 'Qwen2Tokenizer',
    modelTypes: ['qwen2'],
    names: { eos: END, unk: END, pad: END },
    splitsDigits: true,
    isFramed: false,
  },
];

/** Whether a folder has both files. */
export const hasMerges = (folder: string): boolean =>
  [VOCAB_NAME, MERGES_NAME].every((name) => existsSync(join(folder, name)));

const idsSchema = z.record(z.string(), z.number().int().nonnegative());

/** Reads vocab.json at `file` and merges.txt beside it. Throws PT_TOKENIZER, also where nothing says its kind. */
export function readMerges(file: string, config: TokenizerConfig, files: SourceFiles): Framing {
  const folder = dirname(file);
  const kind = kindOf(folder, config, files);
  const ids = new Map(Object.entries(checked(file, VOCAB_NAME, idsSchema, readJson(file, VOCABULARY_LIMIT, files))));
  const names = new Map<TokenRole, string>([...(Object.entries(kind.names) as [TokenRole, string][]), ...config.names]);
  const added = addedOf(file, ids, names, config);
  const idOf = (role: TokenRole): readonly [string, number] => {
    const content = names.get(role) ?? '';
    return [content, added.find((token) => token.content === content)?.id ?? -1];
  };
  return describedTokenizer(
    file,
    {
      version: '1.0',
      added_tokens: added,
      normalizer: kind.splitsDigits ? { type: 'NFC' } : null,
      pre_tokenizer: splitOf(kind, config.addPrefixSpace ?? false),
      post_processor: kind.isFramed
        ? { type: 'RobertaProcessing', sep: idOf('sep'), cls: idOf('cls'), trim_offsets: true, add_prefix_space: false }
        : null,
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: { type: 'BPE', vocab: Object.fromEntries(ids), merges: mergesOf(join(folder, MERGES_NAME), files) },
    },
    config,
  );
}

const modelSchema = z.looseObject({ model_type: z.string().optional() });

function kindOf(folder: string, { file, className }: TokenizerConfig, files: SourceFiles): Kind {
  const known = KINDS.map((kind) => kind.className).join(', ');
  if (className !== null && !GENERIC_CLASSES.includes(className)) {
    const named = KINDS.find((kind) => kind.className === className);
    if (named !== undefined) return named;
    throw refused(file, `tokenizer_class "${className}" with ${VOCAB_NAME} and ${MERGES_NAME} is not one of ${known}`);
  }
  const path = join(folder, 'config.json');
  const limit = { maxBytes: DESCRIPTION_BYTES, remedy: 'A config.json has some kilobytes.' };
  const { model_type: type } = existsSync(path)
    ? checked(path, basename(path), modelSchema, readJson(path, limit, files))
    : {};
  const kind = KINDS.find(({ modelTypes }) => type !== undefined && modelTypes.includes(type));
  if (kind !== undefined) return kind;
  throw refused(
    folder,
    `${VOCAB_NAME} and ${MERGES_NAME} do not say how a text is taken apart before it is joined, and neither does ` +
      (type === undefined ? 'a config.json' : `model_type "${type}"`),
    `name tokenizer_class in tokenizer_config.json (${known}), or save the tokenizer with save_pretrained`,
  );
}

/** The tokens that are found in a text: those that are listed, and the special ones. */
function addedOf(
  file: string,
  ids: ReadonlyMap<string, number>,
  names: ReadonlyMap<TokenRole, string>,
  config: TokenizerConfig,
): AddedToken[] {
  const added = [...config.added];
  for (const [role, content] of names) {
    if (added.some((token) => token.content === content)) continue;
    const id = ids.get(content);
    if (id === undefined)
      throw refused(file, `it has no ${JSON.stringify(content)}, which is the ${role}_token of such a tokenizer`);
    added.push({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
  }
  return added;
}

function splitOf({ splitsDigits }: Kind, addsSpace: boolean): unknown {
  const bytes = { type: 'ByteLevel', add_prefix_space: addsSpace, trim_offsets: true, use_regex: !splitsDigits };
  if (!splitsDigits) return bytes;
  const pattern = { Regex: contractionsSource('\\p{N}') };
  return { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern, behavior: 'Isolated', invert: false }, bytes] };
}

/** The pairs of a file, without the line that says its version. */
const mergesOf = (file: string, files: SourceFiles): string[] =>
  files
    .readText(file, VOCABULARY_LIMIT)
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#version'));
