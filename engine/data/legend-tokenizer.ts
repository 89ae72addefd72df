// LegendTokenizer: the tokenizer that a legend describes, made again from its tokens, for data whose options do not ask
// for another one, and whose texts it knows.
import { DataError } from '../core/errors.js';
import { ByteTokenizer } from './byte-tokenizer.js';
import { CharTokenizer } from './char-tokenizer.js';
import type { DataRequest } from './kind.js';
import type { TokenizerIdentity } from './tokenizer-identity.js';
import { tokenizerFrom, TRAINED_KIND, TrainedTokenizer } from './trained-tokenizer.js';
import { WordTokenizer } from './word-tokenizer.js';

/** Above this share of unknown tokens it is the vocabulary of other texts. */
const MOST_UNKNOWN = 1 / 2;
/** So much text shows how large the share is: characters in all, of texts at equal distances. */
const SEEN_CHARACTERS = 200_000;
const SEEN_TEXTS = 2000;

/** Those whose vocabulary comes from texts; all others come from a file. */
export type LegendTokenizer = WordTokenizer | CharTokenizer | ByteTokenizer | TrainedTokenizer;

/**
 * Null where there is no legend with texts, where the options ask for another tokenizer, where it is of a kind that
 * only the files of its model describe, or where it does not know more than half of the tokens of `texts` (characters:
 * any, if it has no token for unknown ones). Throws a DataError (PT_DATA_LEGEND) where this version does not make of
 * the tokens what they were.
 */
export function legendTokenizer(
  { legend, legendPath, options }: DataRequest,
  texts: readonly string[],
): LegendTokenizer | null {
  const identity = legend?.tokenizer ?? null;
  if (identity === null || asksForAnother(options, identity)) return null;
  const made = tokenizerBy(identity);
  if (made === null) return null;
  if (made.identity.sha256 === identity.sha256) return knows(made, texts) ? made : null;
  throw new DataError(
    'PT_DATA_LEGEND',
    `the tokens of ${legendPath ?? 'the legend'} do not make the tokenizer that they were of (${identity.kind})`,
    'Use the version of pipetrain that wrote it, or --data-options legend=none.',
  );
}

function knows(tokenizer: LegendTokenizer, texts: readonly string[]): boolean {
  if (tokenizer instanceof CharTokenizer && tokenizer.unknown === null)
    return texts.every((text) => tokenizer.covers(text));
  let [tokens, unknown] = [0, 0];
  const stride = Math.ceil(texts.length / SEEN_TEXTS);
  for (let i = 0, seen = 0; i < texts.length && seen < SEEN_CHARACTERS; i += stride) {
    const text = (texts[i] as string).slice(0, SEEN_CHARACTERS - seen);
    seen += text.length;
    const ids = tokenizer.encode(text);
    tokens += ids.length;
    unknown += ids.filter((id) => id === tokenizer.unknown).length;
  }
  return unknown <= MOST_UNKNOWN * tokens;
}

/** Options that a user repeats from the run of the legend ask for nothing else. */
function asksForAnother(options: DataRequest['options'], { kind, tokens, settings }: TokenizerIdentity): boolean {
  const { tokenizer, vocab, vocabulary, lowercase } = options;
  const asked = kind === TRAINED_KIND ? settings['name'] : kind;
  if (vocab !== undefined || (tokenizer !== undefined && tokenizer !== asked)) return true;
  if (lowercase !== undefined && settings['lowercase'] !== undefined && lowercase !== settings['lowercase'])
    return true;
  const words = (tokens?.length ?? 0) - Number(settings['specials'] ?? 0);
  return kind === 'words' && typeof vocabulary === 'number' && words > vocabulary;
}

/** The tokenizer of an identity, or null for one that only files describe. */
export function tokenizerBy({ kind, tokens, settings }: Omit<TokenizerIdentity, 'sha256'>): LegendTokenizer | null {
  const { lowercase, unknown } = settings;
  if (kind === 'bytes') return new ByteTokenizer(String(settings['specials'] ?? '').match(/\S+/g) ?? []);
  if (kind === TRAINED_KIND) return trained(String(settings['name']), String(settings['json']));
  if (tokens === null) return null;
  const specials = tokens.slice(0, Number(settings['specials'] ?? 0));
  const own = tokens.slice(specials.length);
  switch (kind) {
    case 'words':
      return new WordTokenizer([], {
        words: own,
        vocabulary: own.length,
        lowercase: lowercase === true,
        specials,
        unknown: Number(unknown),
      });
    case 'chars':
      return new CharTokenizer(own, specials, typeof unknown === 'number' ? unknown : null);
    default:
      return null;
  }
}

function trained(name: string, json: string): TrainedTokenizer | null {
  const { tokenizer } = tokenizerFrom(name, json);
  return tokenizer instanceof TrainedTokenizer ? tokenizer : null;
}
