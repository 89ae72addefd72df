// SampleFrame: what stands around the tokens of a text in a sample, as the post-processor of a tokenizer.json says, and
// what fills a sample up behind them. It cuts nothing.
import { z } from 'zod';
import type { Tokenizer } from './dataset.js';
import { bertPair, type PairFrame, robertaPair, templatePair } from './pair-frame.js';
import type { TokenizerSettings } from './tokenizer-identity.js';
import { checked, typeOf } from './tokenizer-normalizer.js';
import { refused, unsupported } from './tokenizer-refusal.js';

export interface SampleFrame {
  /** Ids in front of every text. */
  readonly prefix: readonly number[];
  /** Ids behind every text; a text that is too long is cut, they are not. */
  readonly suffix: readonly number[];
  /** What stands around two texts; absent where nothing says it. */
  readonly pair?: PairFrame;
}

/** A tokenizer with what makes a sample of a text. */
export interface Framing extends SampleFrame {
  readonly tokenizer: Tokenizer;
  /** Fills a sample up; null where the tokenizer has no token for that, as those of language models. */
  readonly pad: number | null;
  /** Tokens of a sample at most, frame included; null where there is no limit. */
  readonly mostTokens: number | null;
}

/** The frame as settings of a tokenizer, for its identity. */
export const frameSettings = ({ prefix, suffix }: SampleFrame, pad: number | null): TokenizerSettings => ({
  pad: pad ?? 'none',
  prefix: prefix.join(' '),
  suffix: suffix.join(' '),
});

const id = z.number().int().nonnegative();
const typeId = z.literal(0, { error: 'only token type 0 is supported' });
const templateSchema = z.strictObject({
  type: z.string(),
  single: z.array(
    z.union([
      z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: typeId }) }),
      z.strictObject({ Sequence: z.strictObject({ id: z.literal('A'), type_id: typeId }) }),
    ]),
  ),
  pair: z.unknown(),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(id), tokens: z.array(z.string()) })),
});
const named = z.tuple([z.string(), id]);
const bertSchema = z.strictObject({ type: z.string(), sep: named, cls: named });
const robertaSchema = bertSchema.extend({ trim_offsets: z.boolean(), add_prefix_space: z.boolean() });
const sequenceSchema = z.strictObject({ type: z.string(), processors: z.array(z.unknown()) });

const NONE: SampleFrame = { prefix: [], suffix: [] };

/**
 * The frame that `piece` makes, which may be null, over the token of every id. Throws PT_TOKENIZER for a kind that is
 * not supported, and for ids that mean other tokens than it says.
 */
export function sampleFrame(file: string, piece: unknown, tokens: readonly string[]): SampleFrame {
  if (piece === null || piece === undefined) return NONE;
  if (typeOf(piece) !== 'Sequence') return single(file, 'post_processor', piece, tokens);
  const { processors } = checked(file, 'post_processor', sequenceSchema, piece);
  const frames = processors.map((step, i) => single(file, `post_processor.processors[${i}]`, step, tokens));
  const making = frames.filter(({ prefix, suffix }) => prefix.length + suffix.length > 0);
  if (making.length > 1) throw unsupported(file, 'post_processor with several frames');
  return making[0] ?? NONE;
}

function single(file: string, at: string, piece: unknown, tokens: readonly string[]): SampleFrame {
  const token = (name: string, is: number): number => {
    if (tokens[is] === name) return is;
    throw refused(file, `${at} says that ${name} is ${is}, the vocabulary says ${JSON.stringify(tokens[is] ?? null)}`);
  };
  switch (typeOf(piece)) {
    case 'TemplateProcessing':
      return template(file, at, piece, token);
    case 'BertProcessing': {
      const { cls, sep } = checked(file, at, bertSchema, piece);
      const [prefix, suffix] = [[token(...cls)], [token(...sep)]];
      return { prefix, suffix, pair: bertPair(prefix, suffix) };
    }
    case 'RobertaProcessing': {
      const { cls, sep } = checked(file, at, robertaSchema, piece);
      const [prefix, suffix] = [[token(...cls)], [token(...sep)]];
      return { prefix, suffix, pair: robertaPair(prefix, suffix) };
    }
    case 'ByteLevel':
      // Says where tokens lie in the text, not which they are.
      return NONE;
    default:
      throw unsupported(file, `${at} "${typeOf(piece)}"`);
  }
}

function template(file: string, at: string, piece: unknown, token: (name: string, is: number) => number): SampleFrame {
  const { single: items, pair: pairItems, special_tokens } = checked(file, at, templateSchema, piece);
  const texts = items.flatMap((item, i) => ('Sequence' in item ? [i] : []));
  const [place] = texts;
  if (place === undefined || texts.length !== 1) throw unsupported(file, `${at}.single with ${texts.length} texts`);
  const idsOf = (name: string): number[] => {
    const special = special_tokens[name];
    if (special === undefined || special.ids.length !== special.tokens.length)
      throw refused(file, `${at}.special_tokens does not say what ${name} is`);
    return special.ids.map((is, i) => token(special.tokens[i] as string, is));
  };
  const partOf = (part: typeof items): number[] =>
    part.flatMap((item) => ('SpecialToken' in item ? idsOf(item.SpecialToken.id) : []));
  const pair = templatePair(pairItems, idsOf);
  return {
    prefix: partOf(items.slice(0, place)),
    suffix: partOf(items.slice(place + 1)),
    ...(pair === null ? {} : { pair }),
  };
}
