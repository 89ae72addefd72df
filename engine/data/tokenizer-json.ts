// TokenizerJson: a tokenizer.json as the library `tokenizers` writes it, and the tokenizer that it describes: that of
// BERT where it names BERT's steps, else a FileTokenizer. Nothing of it is passed over; what is not known is refused.
import { z } from 'zod';
import type { FileLimit } from '../core/bounded-file.js';
import type { AddedToken } from './added-tokens.js';
import type { Tokenizer } from './dataset.js';
import { FileTokenizer } from './file-tokenizer.js';
import { frameSettings, type Framing, type SampleFrame, sampleFrame } from './sample-frame.js';
import type { SourceFiles } from './source-files.js';
import { ADDED_FLAGS, readJson, type TokenizerConfig, type TokenRole } from './tokenizer-config.js';
import { tokenizerModel } from './tokenizer-model.js';
import { bertSettings, checked, normalizer, typeOf } from './tokenizer-normalizer.js';
import { refused, unsupported } from './tokenizer-refusal.js';
import { splitter } from './tokenizer-splitter.js';
import { BERT_CLASSES } from './vocabulary-file.js';
import { WordpieceTokenizer } from './wordpiece-tokenizer.js';

/** The largest in use, of 260,000 tokens in many languages, have 34 MB. */
export const TOKENIZER_LIMIT: FileLimit = {
  maxBytes: 64e6,
  remedy: 'A tokenizer.json has some megabytes; check that it is the right file.',
};

const schema = z.strictObject({
  version: z.literal('1.0'),
  /** How long a sample is is a setting of the data. */
  truncation: z.object({ direction: z.literal('Right').default('Right') }).nullish(),
  /** Samples are filled up as far as they are long; the mask says where. */
  padding: z
    .object({ direction: z.literal('Right'), pad_id: z.number(), pad_token: z.string(), pad_type_id: z.literal(0) })
    .nullish(),
  added_tokens: z.array(z.strictObject({ id: z.number().int().nonnegative(), content: z.string(), ...ADDED_FLAGS })),
  normalizer: z.unknown(),
  pre_tokenizer: z.unknown(),
  post_processor: z.unknown(),
  decoder: z.unknown(),
  model: z.looseObject({}),
});
type Description = z.infer<typeof schema>;

/** Decoders that the library has; what they do is shown, never trained on. */
const DECODERS = [
  'ByteLevel',
  'WordPiece',
  'Metaspace',
  'BPEDecoder',
  'Sequence',
  'Replace',
  'Fuse',
  'Strip',
  'ByteFallback',
];
/** Spellings of the padding token, where nothing names it. */
const PADS = ['[PAD]', '<pad>'];

/** Reads the file. `config`: what is said beside it. Throws PT_TOKENIZER. */
export const readTokenizerJson = (file: string, config: TokenizerConfig, files: SourceFiles): Framing =>
  describedTokenizer(file, readJson(file, TOKENIZER_LIMIT, files), config);

/** The tokenizer that `content` describes as a tokenizer.json does. `file`: for messages. Throws PT_TOKENIZER. */
export function describedTokenizer(file: string, content: unknown, config: TokenizerConfig): Framing {
  const json = checked(file, 'it', schema, content);
  const isByteLevel = JSON.stringify(json.pre_tokenizer ?? null).includes('"ByteLevel"');
  const model = tokenizerModel(file, json.model, isByteLevel);
  const tokens = withAdded(file, model.tokens, json.added_tokens);
  const frame = sampleFrame(file, json.post_processor, tokens);
  const said = { file, json, tokens, frame, unknown: model.unknown };
  const pad = padOf(said, config);
  requireNames(said, config);
  requireAdded(said, config);
  const normalize = normalizer(file, json.normalizer);
  const split = splitter(file, json.pre_tokenizer);
  const settings = frameSettings(frame, pad);
  const text = bertSettings(file, json.normalizer);
  let tokenizer: Tokenizer;
  if (text !== null && model.wordPiece !== null && typeOf(json.pre_tokenizer) === 'BertPreTokenizer') {
    requireText(file, text, config);
    tokenizer = new WordpieceTokenizer({
      file,
      model: { ...model.wordPiece, tokens },
      text,
      added: json.added_tokens,
      frame: settings,
    });
  } else {
    requireOther(said, config);
    if (json.decoder != null && !DECODERS.includes(typeOf(json.decoder)))
      throw unsupported(file, `decoder "${typeOf(json.decoder)}"`);
    tokenizer = new FileTokenizer({
      file,
      tokens,
      model,
      added: json.added_tokens,
      normalize,
      split,
      pieces: { normalizer: json.normalizer, preTokenizer: json.pre_tokenizer, decoder: json.decoder },
      frame: settings,
    });
  }
  return { tokenizer, ...frame, pad, mostTokens: config.most?.tokens ?? null };
}

/** What the file says, for comparisons. */
interface Said {
  readonly file: string;
  readonly json: Description;
  readonly tokens: readonly string[];
  readonly frame: SampleFrame;
  readonly unknown: number | null;
}

/** The tokens of the model with those that are added; PT_TOKENIZER where they contradict each other. */
function withAdded(file: string, model: readonly string[], added: readonly AddedToken[]): string[] {
  const tokens = [...model];
  const idOf = new Map(model.map((token, id) => [token, id]));
  for (const { id, content } of [...added].sort((a, b) => a.id - b.id)) {
    const known = idOf.get(content) ?? id;
    if (known !== id || (tokens[id] ?? '') !== (id < model.length ? content : ''))
      throw refused(
        file,
        `added_tokens says that ${JSON.stringify(content)} is ${id}, the vocabulary says ` +
          (known === id ? `that ${id} is ${JSON.stringify(tokens[id])}` : String(known)),
      );
    if (id > tokens.length)
      throw refused(file, `added_tokens goes on with the id ${id} behind ${tokens.length} tokens`);
    tokens[id] = content;
  }
  return tokens;
}

/** The id of the padding token, or null where nothing names one. */
function padOf({ file, json, tokens }: Said, { file: configFile, names }: TokenizerConfig): number | null {
  const named = names.get('pad');
  const { padding } = json;
  if (padding != null && tokens[padding.pad_id] !== padding.pad_token)
    throw refused(
      file,
      `padding says that ${padding.pad_token} is ${padding.pad_id}, the vocabulary says ` +
        JSON.stringify(tokens[padding.pad_id] ?? null),
    );
  if (padding != null && named !== undefined && named !== padding.pad_token)
    throw refused(file, `padding uses ${padding.pad_token}, ${configFile} names ${named}`);
  const content = padding?.pad_token ?? named ?? PADS.find((usual) => tokens.includes(usual));
  if (content === undefined) return null;
  const id = tokens.indexOf(content);
  if (id < 0)
    throw refused(
      file,
      `${configFile} names ${content}, which has no id`,
      'name one of its tokens as pad_token in tokenizer_config.json',
    );
  return id;
}

/** The special tokens that are named beside the file have to be those that it uses. */
function requireNames({ file, json, tokens, frame, unknown }: Said, config: TokenizerConfig): void {
  const used: Partial<Record<TokenRole, number | null | undefined>> = {
    unk: unknown,
    cls: frame.prefix[0] ?? null,
    sep: frame.suffix.at(-1) ?? null,
  };
  for (const [role, content] of config.names) {
    if (!json.added_tokens.some((added) => added.content === content))
      throw refused(file, `${config.file} names ${role}_token ${JSON.stringify(content)}, which added_tokens lacks`);
    const is = used[role];
    if (is === undefined || (role === 'unk' && is === null)) continue;
    if (is === null || tokens[is] !== content)
      throw refused(
        file,
        `${config.file} names ${role}_token ${JSON.stringify(content)}, here it is ` +
          (is === null ? 'not used (post_processor)' : JSON.stringify(tokens[is])),
      );
  }
}

function requireAdded({ file, json }: Said, config: TokenizerConfig): void {
  for (const listed of config.added) {
    const here = json.added_tokens.find(({ id }) => id === listed.id);
    const differs = Object.entries(listed).find(([key, value]) => here?.[key as keyof AddedToken] !== value);
    if (differs !== undefined)
      throw refused(
        file,
        `added_tokens and ${config.file} contradict each other about the token ${listed.id}: ${differs[0]} is ` +
          `${JSON.stringify(here?.[differs[0] as keyof AddedToken] ?? null)} and ${JSON.stringify(differs[1])}`,
      );
  }
  for (const content of config.additional)
    if (!json.added_tokens.some((added) => added.content === content))
      throw refused(
        file,
        `${config.file} names the special token ${JSON.stringify(content)}, which added_tokens lacks`,
      );
}

/** BERT's own settings stand in both files, and versions of transformers believe one or the other. */
function requireText(
  file: string,
  text: NonNullable<ReturnType<typeof bertSettings>>,
  { file: configFile, ...config }: TokenizerConfig,
): void {
  const pairs: readonly (readonly [string, boolean, string, boolean | null])[] = [
    ['lowercase', text.lowercase, 'do_lower_case', config.lowercase],
    ['strip_accents', text.stripAccents, 'strip_accents', config.stripAccents],
    ['handle_chinese_chars', text.splitIdeographs, 'tokenize_chinese_chars', config.splitIdeographs],
  ];
  for (const [here, is, there, other] of pairs)
    if (other !== null && other !== is)
      throw refused(file, `normalizer.${here} is ${is}, and in ${configFile} ${there} is ${other}`);
}

/** Whether texts begin or end with a token stands in both files as well. */
function requireEnds(
  { file, frame }: Pick<Said, 'file' | 'frame'>,
  { file: configFile, addBos, addEos }: TokenizerConfig,
): void {
  const pairs = [
    ['add_bos_token', addBos, frame.prefix],
    ['add_eos_token', addEos, frame.suffix],
  ] as const;
  for (const [key, said, ids] of pairs)
    if (said !== null && said !== ids.length > 0)
      throw refused(file, `${configFile} says ${key} ${said}, post_processor adds ${ids.length} tokens there`);
}

/** Where the steps are not those of BERT, nothing beside the file may say that they are. */
function requireOther({ file, json, frame }: Said, config: TokenizerConfig): void {
  const steps = `the steps ${typeOf(json.normalizer)}, ${typeOf(json.pre_tokenizer)} and ${typeOf(json.model)}`;
  if (config.className !== null && BERT_CLASSES.includes(config.className))
    throw refused(file, `${config.file} says ${config.className}, which has not ${steps}`);
  const normal = JSON.stringify(json.normalizer ?? null);
  const folds = normal.includes('"Lowercase"') || normal.includes('"lowercase":true');
  if (config.lowercase !== null && config.lowercase !== folds)
    throw refused(file, `${config.file} says do_lower_case ${config.lowercase}, ${steps} say ${folds}`);
  requireEnds({ file, frame }, config);
  const splits = JSON.stringify(json.pre_tokenizer ?? null);
  const prefixes =
    splits.includes('"add_prefix_space":true') || splits.includes('"always"') || splits.includes('"first"');
  if (config.addPrefixSpace !== null && config.addPrefixSpace !== prefixes)
    throw refused(
      file,
      `${config.file} says add_prefix_space ${config.addPrefixSpace}, pre_tokenizer says ${prefixes}`,
    );
}
