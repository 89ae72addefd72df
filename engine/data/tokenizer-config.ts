// TokenizerConfig: what stands beside a vocabulary about its tokenizer (tokenizer_config.json, special_tokens_map.json,
// added_tokens.json, sentence_bert_config.json). Every setting is honoured, known to decide no id, or refused by its
// name.
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { DESCRIPTION_BYTES, type FileLimit } from '../core/bounded-file.js';
import type { AddedToken } from './added-tokens.js';
import type { SourceFiles } from './source-files.js';
import { checked } from './tokenizer-normalizer.js';
import { refused, unsupported } from './tokenizer-refusal.js';

/** What the special tokens are for; each is named by `ROLE_token`. */
const ROLES = ['unk', 'sep', 'pad', 'cls', 'mask', 'bos', 'eos'] as const;
export type TokenRole = (typeof ROLES)[number];

export interface TokenizerConfig {
  /** `tokenizer_config.json`, whether or not it is there, for messages. */
  readonly file: string;
  /** Without the ending Fast; null where nothing is said. */
  readonly className: string | null;
  readonly lowercase: boolean | null;
  readonly stripAccents: boolean | null;
  readonly splitIdeographs: boolean | null;
  readonly addPrefixSpace: boolean | null;
  readonly addBos: boolean | null;
  readonly addEos: boolean | null;
  /** Contents of the special tokens that are named. */
  readonly names: ReadonlyMap<TokenRole, string>;
  /** More special tokens, by content. */
  readonly additional: readonly string[];
  /** Tokens that are found in a text, as far as they are listed. */
  readonly added: readonly AddedToken[];
  /** Tokens of a sample at most, and which file says so by which key; null where nothing is said. */
  readonly most: { readonly tokens: number; readonly file: string; readonly key: string } | null;
  /** The file that has every text folded to small letters before the tokenizer sees it, or null. */
  readonly folding: string | null;
}

const LIMIT: FileLimit = { maxBytes: DESCRIPTION_BYTES, remedy: 'Download it again; a real one has some kilobytes.' };
/** Larger lengths mean that there is no limit. */
const NO_LIMIT = 1e9;

const flags = {
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(false),
  special: z.boolean().default(false),
};
const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);
const right = z.literal('right', { error: 'only "right" is supported' }).optional();
const flag = z.boolean().nullish();
const length = z
  .number()
  .refine((value) => Number.isInteger(value) && value > 0, { error: 'it has to be a whole number from 1' })
  .nullish();

const schema = z.looseObject({
  tokenizer_class: z.string().nullish(),
  do_lower_case: flag,
  strip_accents: flag,
  tokenize_chinese_chars: flag,
  add_prefix_space: flag,
  add_bos_token: flag,
  add_eos_token: flag,
  never_split: z.array(z.string()).nullish(),
  do_basic_tokenize: z.literal(true, { error: 'only true is supported' }).nullish(),
  split_special_tokens: z.literal(false, { error: 'only false is supported' }).nullish(),
  wordpieces_prefix: z.literal('##', { error: 'only "##" is supported' }).nullish(),
  padding_side: right,
  truncation_side: right,
  model_max_length: length,
  max_len: length,
  added_tokens_decoder: z
    .record(z.string().regex(/^\d+$/), z.strictObject({ content: z.string(), ...flags }))
    .optional(),
  additional_special_tokens: z.array(token).nullish(),
  extra_special_tokens: z.union([z.array(token), z.record(z.string(), token)]).nullish(),
  ...Object.fromEntries(ROLES.map((role) => [`${role}_token`, token.nullish()])),
});

/** How sentence-transformers reads texts for a model. */
const sentenceSchema = z.looseObject({ max_seq_length: length, do_lower_case: flag });

/** Settings that decide no id of one text that is encoded for training. */
const NEUTRAL = new Set([
  '_commit_hash',
  '_from_auto',
  '_name_or_path',
  'backend',
  'cache_dir',
  'chat_template',
  'clean_up_tokenization_spaces',
  'device_map',
  'errors',
  'from_slow',
  'is_local',
  'legacy',
  'local_files_only',
  'max_length',
  'merges_file',
  'model_input_names',
  'model_type',
  'name_or_path',
  'pad_to_multiple_of',
  'pad_token_type_id',
  'processor_class',
  'revision',
  'spaces_between_special_tokens',
  'special_tokens_map_file',
  'stride',
  'tokenizer_file',
  'transformers_version',
  'trim_offsets',
  'truncation_strategy',
  'use_fast',
  'vocab_file',
]);

/** Nothing is said. */
export const NO_CONFIG: TokenizerConfig = {
  file: 'tokenizer_config.json',
  className: null,
  ...switchesOf({}),
  names: new Map(),
  additional: [],
  added: [],
  most: null,
  folding: null,
};

/** Reads what lies in `folder`; files that are not there say nothing. Throws PT_TOKENIZER. */
export function readTokenizerConfig(folder: string, files: SourceFiles): TokenizerConfig {
  const file = join(folder, 'tokenizer_config.json');
  const raw = existsSync(file) ? readJson(file, LIMIT, files) : {};
  const config = checked(file, basename(file), schema, raw);
  const unknown = Object.entries(config)
    .filter(
      ([key, value]) => !Object.hasOwn(schema.shape, key) && !NEUTRAL.has(key) && value != null && value !== false,
    )
    .map(([key, value]) => `${key}: ${JSON.stringify(value).slice(0, 60)}`);
  if (unknown.length > 0) throw unsupported(file, `the setting ${unknown.join(', ')}`);
  const names = namesOf(config);
  addNames(names, file, join(folder, 'special_tokens_map.json'), files);
  const neverSplit = (config.never_split ?? []).filter((word) => ![...names.values()].includes(word));
  if (neverSplit.length > 0) throw unsupported(file, `never_split ${JSON.stringify(neverSplit)}`);
  const added = Object.entries(config.added_tokens_decoder ?? {}).map(([id, rest]) => ({ id: Number(id), ...rest }));
  requireListed(join(folder, 'added_tokens.json'), added, files);
  const sentence = join(folder, 'sentence_bert_config.json');
  const settings = existsSync(sentence) ? readJson(sentence, LIMIT, files) : {};
  const { max_seq_length, do_lower_case } = checked(sentence, basename(sentence), sentenceSchema, settings);
  const [most] = [
    { tokens: config.model_max_length, file, key: 'model_max_length' },
    { tokens: config.max_len, file, key: 'max_len' },
    { tokens: max_seq_length, file: sentence, key: 'max_seq_length' },
  ]
    .flatMap((limit) => (limit.tokens != null && limit.tokens < NO_LIMIT ? [{ ...limit, tokens: limit.tokens }] : []))
    .sort((a, b) => a.tokens - b.tokens);
  return {
    file,
    className: config.tokenizer_class?.replace(/Fast$/, '') ?? null,
    ...switchesOf(config),
    names,
    additional: [config.additional_special_tokens, config.extra_special_tokens].flatMap((list) =>
      Object.values(list ?? {}),
    ),
    added,
    most: most ?? null,
    folding: do_lower_case === true ? sentence : null,
  };
}

/** What may be on, off, or not said at all. */
function switchesOf(config: z.infer<typeof schema>) {
  return {
    lowercase: config.do_lower_case ?? null,
    stripAccents: config.strip_accents ?? null,
    splitIdeographs: config.tokenize_chinese_chars ?? null,
    addPrefixSpace: config.add_prefix_space ?? null,
    addBos: config.add_bos_token ?? null,
    addEos: config.add_eos_token ?? null,
  };
}

function namesOf(config: Readonly<Record<string, unknown>>): Map<TokenRole, string> {
  return new Map(
    ROLES.flatMap((role) => {
      const content = config[`${role}_token`];
      return typeof content === 'string' ? [[role, content] as const] : [];
    }),
  );
}

const mapSchema = z.looseObject(Object.fromEntries(ROLES.map((role) => [`${role}_token`, token.nullish()])));

/** The names of special_tokens_map.json, which may not contradict those that are known. */
function addNames(names: Map<TokenRole, string>, file: string, mapFile: string, files: SourceFiles): void {
  if (!existsSync(mapFile)) return;
  const map = checked(mapFile, basename(mapFile), mapSchema, readJson(mapFile, LIMIT, files));
  for (const [role, content] of namesOf(map)) {
    const known = names.get(role);
    if (known !== undefined && known !== content)
      throw refused(mapFile, `${role}_token is ${JSON.stringify(content)}, in ${file} ${JSON.stringify(known)}`);
    names.set(role, content);
  }
}

/** An added_tokens.json may only say again what is listed elsewhere, since it does not say how tokens are found. */
function requireListed(file: string, added: readonly AddedToken[], files: SourceFiles): void {
  if (!existsSync(file)) return;
  const ids = checked(file, basename(file), z.record(z.string(), z.number()), readJson(file, LIMIT, files));
  for (const [content, id] of Object.entries(ids))
    if (!added.some((listed) => listed.id === id && listed.content === content))
      throw unsupported(file, `the token ${JSON.stringify(content)} with the id ${id}, which nothing else lists,`);
}

/** The content of a JSON file. Throws PT_TOKENIZER where it is none. */
export function readJson(file: string, limit: FileLimit, files: SourceFiles): unknown {
  const text = files.readText(file, limit);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw refused(file, `no JSON file: ${(error as Error).message}`, 'download it again');
  }
}

export const ADDED_FLAGS = flags;
