// TokenizerModel: how `model` of a tokenizer.json makes ids of a word: WordPiece as word-pieces.ts does it, BPE and
// Unigram as @huggingface/tokenizers does. Settings that the library passes over are refused.
import { z } from 'zod';
import { BpeSeams } from './bpe-seams.js';
import { checked, typeOf, UNTYPED } from './tokenizer-normalizer.js';
import { refused, unsupported } from './tokenizer-refusal.js';
import { BPE, Unigram } from './tokenizers-library.js';
import { remembering } from './word-memory.js';
import { type WordPieceModel, WordPieces } from './word-pieces.js';

export interface TokenizerModel {
  readonly name: 'wordpiece' | 'bpe' | 'unigram' | 'wordlevel';
  /** The token of every id, added tokens not included; '' where an id has none. */
  readonly tokens: readonly string[];
  /** Stands for what the vocabulary does not have; null where it has everything. */
  readonly unknown: number | null;
  /** What of the model besides its tokens decides ids, as text. */
  readonly rules: string;
  /** The WordPiece model itself, where it is one. */
  readonly wordPiece: WordPieceModel | null;
  readonly idsOf: (word: string) => readonly number[];
  /** Whether a token may hold two characters side by side; null where the ids of a word cannot be had part by part. */
  readonly joins: ((before: string, behind: string) => boolean) | null;
}

/** Ids by token. A map, since a token may be called like anything that objects have. */
const vocabulary = z
  .custom<Record<string, number>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
  .transform((value) => new Map(Object.entries(value)))
  .refine((map) => [...map.values()].every((id) => Number.isSafeInteger(id) && id >= 0), 'ids are counts');
type Vocabulary = ReadonlyMap<string, number>;
/** Nothing, in whichever spelling. */
const none = z.union([z.null(), z.literal('')]).optional();
const wordPieceSchema = z.strictObject({
  type: z.literal('WordPiece').optional(),
  unk_token: z.string(),
  continuing_subword_prefix: z.string(),
  max_input_chars_per_word: z.number().int().positive(),
  vocab: vocabulary,
});
const bpeSchema = z.strictObject({
  type: z.literal('BPE').optional(),
  dropout: z.union([z.null(), z.literal(0)]).optional(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: none,
  end_of_word_suffix: none,
  fuse_unk: z.boolean().default(false),
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
  vocab: vocabulary,
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
});
const unigramSchema = z.strictObject({
  type: z.literal('Unigram'),
  unk_id: z.number().int().nonnegative(),
  byte_fallback: z.boolean().default(false),
  vocab: z.array(z.tuple([z.string(), z.number()])).min(1),
});

const wordLevelSchema = z.strictObject({ type: z.literal('WordLevel'), unk_token: z.string(), vocab: vocabulary });

/** All 256 bytes, as byte-level vocabularies spell them. */
const NUM_BYTES = 256;

/** `isByteLevel`: whether words come as bytes. Throws PT_TOKENIZER. */
export function tokenizerModel(file: string, piece: unknown, isByteLevel: boolean): TokenizerModel {
  switch (kindOf(piece)) {
    case 'WordPiece':
      return wordPieceModel(file, checked(file, 'model', wordPieceSchema, piece));
    case 'BPE':
      return bpeModel(file, checked(file, 'model', bpeSchema, piece), isByteLevel);
    case 'Unigram':
      return unigramModel(file, checked(file, 'model', unigramSchema, piece));
    case 'WordLevel':
      return wordLevelModel(file, checked(file, 'model', wordLevelSchema, piece));
    default:
      throw unsupported(file, `model "${typeOf(piece)}"`);
  }
}

/** Older files do not say what they are, but have what only one kind has. */
function kindOf(piece: unknown): string {
  const type = typeOf(piece);
  if (type !== UNTYPED) return type;
  const has = (key: string): boolean => Object.hasOwn(piece as object, key);
  return has('merges') ? 'BPE' : has('max_input_chars_per_word') ? 'WordPiece' : '';
}

function wordPieceModel(file: string, model: z.infer<typeof wordPieceSchema>): TokenizerModel {
  const tokens = tokensOf(file, model.vocab);
  const unknown = idOf(file, 'model.unk_token', model.unk_token, model.vocab);
  const wordPiece = {
    tokens,
    unknown,
    prefix: model.continuing_subword_prefix,
    longestWord: model.max_input_chars_per_word,
  };
  const pieces = new WordPieces(wordPiece);
  const rules = JSON.stringify([wordPiece.prefix, wordPiece.longestWord]);
  return { name: 'wordpiece', tokens, unknown, rules, wordPiece, joins: null, idsOf: (word) => pieces.idsOf(word) };
}

function bpeModel(file: string, model: z.infer<typeof bpeSchema>, isByteLevel: boolean): TokenizerModel {
  const { vocab, unk_token, merges: written, ...flags } = model;
  const tokens = tokensOf(file, vocab);
  const unknown = unk_token == null ? null : idOf(file, 'model.unk_token', unk_token, vocab);
  // Without an id for it a character that is not there is passed over, and what stands around it may be joined: the
  // library does not.
  const singles = tokens.filter((token) => token.length === 1).length;
  if (unknown === null && !(isByteLevel && singles >= NUM_BYTES))
    throw unsupported(
      file,
      `model.unk_token null, with ${singles} tokens of one character and not all ${NUM_BYTES} bytes,`,
    );
  const merges = written.map((merge) => (typeof merge === 'string' ? twoOf(file, merge) : merge));
  const lost = merges.find((merge) => [...merge, merge.join('')].some((part) => !vocab.has(part)));
  if (lost !== undefined)
    throw refused(file, `model.merges joins ${JSON.stringify(lost)}, which the vocabulary does not have`);
  const { fuse_unk, byte_fallback, ignore_merges } = flags;
  const bpe = new BPE({
    type: 'BPE',
    vocab: Object.fromEntries(vocab),
    merges,
    unk_token: unk_token ?? undefined,
    fuse_unk,
    byte_fallback,
    ignore_merges,
  });
  const idsOf = remembering((word) =>
    bpe._call([word]).flatMap((token) => bpe.tokens_to_ids.get(token) ?? unknown ?? []),
  );
  const seams = hasSeams(merges, ignore_merges) ? new BpeSeams(tokens, fuse_unk) : null;
  return {
    name: 'bpe',
    tokens,
    unknown,
    rules: JSON.stringify([fuse_unk, byte_fallback, ignore_merges, merges]),
    wordPiece: null,
    joins: seams === null ? null : (before, behind) => seams.joins(before, behind),
    idsOf: (word) =>
      seams === null || word.length <= LONG_WORD ? idsOf(word) : seams.partsOf(word).flatMap((part) => idsOf(part)),
  };
}

/** Longer ones are taken apart first. */
const LONG_WORD = 48;

/** Not where whole words are looked up, or bytes that stand for a character are merged. */
const hasSeams = (merges: readonly (readonly [string, string])[], ignoresMerges: boolean): boolean =>
  !ignoresMerges && !merges.some((parts) => parts.some((part) => /^<0x[0-9A-F]{2}>/.test(part)));

/** The ids of the bytes of a text, where the vocabulary has every one of them. */
function bytesOf(text: string, idOf: ReadonlyMap<string, number>): number[] | null {
  const ids = Array.from(Buffer.from(text), (byte) =>
    idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
  return ids.every((id) => id !== undefined) ? ids : null;
}

function wordLevelModel(file: string, { vocab, unk_token }: z.infer<typeof wordLevelSchema>): TokenizerModel {
  const unknown = idOf(file, 'model.unk_token', unk_token, vocab);
  return {
    name: 'wordlevel',
    tokens: tokensOf(file, vocab),
    unknown,
    rules: '',
    wordPiece: null,
    joins: null,
    idsOf: (word) => [vocab.get(word) ?? unknown],
  };
}

function unigramModel(file: string, { vocab, unk_id, byte_fallback }: z.infer<typeof unigramSchema>): TokenizerModel {
  const tokens = vocab.map(([token]) => token);
  if (tokens[unk_id] === undefined)
    throw refused(file, `model.unk_id is ${unk_id}, the vocabulary has ${tokens.length} tokens`);
  if (new Set(tokens).size !== tokens.length) throw refused(file, 'model.vocab has a token twice');
  const unigram = new Unigram({ type: 'Unigram', vocab, unk_id }, '');
  const known = unigram.tokens_to_ids;
  const others = (text: string): readonly number[] => (byte_fallback ? bytesOf(text, known) : null) ?? [unk_id];
  return {
    name: 'unigram',
    tokens,
    unknown: unk_id,
    rules: JSON.stringify([unk_id, ...(byte_fallback ? ['bytes'] : []), vocab.map(([, score]) => score)]),
    wordPiece: null,
    joins: null,
    idsOf: remembering((word) => unigram._call([word]).flatMap((token) => known.get(token) ?? others(token))),
  };
}

function twoOf(file: string, merge: string): [string, string] {
  const parts = merge.split(' ');
  if (parts.length !== 2) throw refused(file, `model.merges has ${JSON.stringify(merge)}, which are not two tokens`);
  return parts as [string, string];
}

function idOf(file: string, at: string, token: string, vocab: Vocabulary): number {
  const id = vocab.get(token);
  if (id !== undefined) return id;
  throw refused(file, `${at} is ${JSON.stringify(token)}, which is none of the ${vocab.size} tokens`);
}

/** Far above any vocabulary in use: a list of so many places is made. */
const MOST_TOKENS = 4_000_000;

function tokensOf(file: string, vocab: Vocabulary): string[] {
  let size = 0;
  for (const id of vocab.values()) size = Math.max(size, id + 1);
  if (size > MOST_TOKENS)
    throw refused(file, `model.vocab has the id ${size - 1}; ${MOST_TOKENS} tokens are held at most`);
  const tokens = new Array<string | undefined>(size).fill(undefined);
  for (const [token, id] of vocab) {
    const other = tokens[id];
    if (other !== undefined) throw refused(file, `model.vocab gives the id ${id} to "${other}" and to "${token}"`);
    tokens[id] = token;
  }
  return tokens.map((token) => token ?? '');
}
