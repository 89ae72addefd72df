// TrainedTokenizer: a tokenizer whose vocabulary was learned from the training texts, by `bpe:N` or `wordpiece:N`, and
// the tokenizer.json that describes it for other programs. Texts are taken apart by what that file says.
import { UsageError } from '../core/errors.js';
import { trainBpe } from './bpe-trainer.js';
import type { CutPlace, Tokenizer } from './dataset.js';
import type { Framing } from './sample-frame.js';
import type { Ends } from './text-ends.js';
import { piecesOf } from './text-pieces.js';
import { NO_CONFIG } from './tokenizer-config.js';
import { type TokenizerIdentity, tokenizerIdentity } from './tokenizer-identity.js';
import { describedTokenizer } from './tokenizer-json.js';
import { normalizer } from './tokenizer-normalizer.js';
import { splitter } from './tokenizer-splitter.js';
import { MOST_WORDS, tooManyWords } from './word-tokenizer.js';

export const TRAINED_KIND = 'trained';

/** `bpe:8000`: how tokens are learned, and how many there are. */
export const TRAINED_NAME = /^(bpe|wordpiece):([1-9]\d{0,6})$/;
type Algorithm = 'bpe' | 'wordpiece';

export interface TrainingOptions {
  /** As it matches TRAINED_NAME. */
  readonly name: string;
  /** Of WordPiece, fold case; byte-level tokens never do. */
  readonly lowercase: boolean;
  /** Labelled texts are framed; running text has a token that ends texts instead. */
  readonly isFramed: boolean;
}

const FRAMED = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const END = '<|endoftext|>';
/** Marks tokens inside a word, as in BERT. */
const INSIDE = '##';
const LONGEST_WORD = 100;
/** Characters of an alphabet: rarer ones are unknown, or the vocabulary would be full of them. */
const MOST_CHARACTERS = 1000;
/** For messages about what nobody wrote. */
const NAME = 'the trained tokenizer';

/** What a tokenizer.json says besides its model. */
function stepsOf(algorithm: Algorithm, lowercase: boolean): Readonly<Record<string, unknown>> {
  if (algorithm === 'bpe')
    return {
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    };
  return {
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: INSIDE, cleanup: true },
  };
}

/** Learns a vocabulary. Throws UsageError PT_DATA_OPTION where it could not hold its alphabet. */
export function trainTokenizer(texts: readonly string[], options: TrainingOptions): Framing {
  const [, kind, size] = TRAINED_NAME.exec(options.name) ?? [];
  const algorithm = kind as Algorithm;
  const steps = stepsOf(algorithm, options.lowercase);
  const special = options.isFramed ? FRAMED : algorithm === 'bpe' ? [END] : [END, '[UNK]'];
  const times = countWords(texts, steps);
  const alphabet = algorithm === 'bpe' ? byteAlphabet() : alphabetOf(times);
  const prefix = algorithm === 'bpe' ? '' : INSIDE;
  const first = [...special, ...alphabet];
  if (first.length > Number(size))
    throw new UsageError(
      'PT_DATA_OPTION',
      `the option tokenizer=${options.name} asks for ${size} tokens, and there are ${first.length} before any is ` +
        `learned: ${special.length} special ones and an alphabet of ${alphabet.length}`,
      `ask for more, e.g. tokenizer=${algorithm}:${Math.ceil(first.length / 1000) * 1000 + 1000}`,
    );
  const { tokens, merges } = trainBpe(times, { size: Number(size), tokens: first, prefix });
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const model =
    algorithm === 'bpe'
      ? { ...BPE, vocab, merges }
      : {
          type: 'WordPiece',
          unk_token: '[UNK]',
          continuing_subword_prefix: INSIDE,
          max_input_chars_per_word: LONGEST_WORD,
          vocab,
        };
  return tokenizerFrom(
    options.name,
    JSON.stringify({
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: special.map((content, id) => ({ id, content, ...PLAIN })),
      ...steps,
      post_processor: options.isFramed ? FRAME : null,
      model,
    }),
  );
}

const PLAIN = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const BPE = {
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};
const text = (id: 'A' | 'B', type_id: number): unknown => ({ Sequence: { id, type_id } });
const mark = (id: string, type_id: number): unknown => ({ SpecialToken: { id, type_id } });
const FRAME = {
  type: 'TemplateProcessing',
  single: [mark('[CLS]', 0), text('A', 0), mark('[SEP]', 0)],
  pair: [mark('[CLS]', 0), text('A', 0), mark('[SEP]', 0), text('B', 1), mark('[SEP]', 1)],
  special_tokens: Object.fromEntries(
    ['[CLS]', '[SEP]'].map((id) => [id, { id, ids: [FRAMED.indexOf(id)], tokens: [id] }]),
  ),
};

/** The tokenizer of a tokenizer.json that `trainTokenizer` has made for the option `name`. */
export function tokenizerFrom(name: string, json: string): Framing {
  const framing = describedTokenizer(NAME, JSON.parse(json), NO_CONFIG);
  return { ...framing, tokenizer: new TrainedTokenizer(framing, name, json) };
}

export class TrainedTokenizer implements Tokenizer {
  readonly name: string;
  readonly size: number;
  readonly identity: TokenizerIdentity;
  readonly file = null;
  readonly unknown: number | null;
  readonly cut: CutPlace;
  /** What stands around a text, and the tokenizer as its file describes it. */
  readonly framing: Framing;
  /** The tokenizer.json. */
  readonly json: string;
  readonly #described: Tokenizer;

  constructor(framing: Framing, name: string, json: string) {
    const { tokenizer: described } = framing;
    this.framing = framing;
    this.name = described.name;
    this.size = described.size;
    this.unknown = described.unknown;
    this.cut = described.cut ?? 'line';
    this.json = json;
    this.#described = described;
    this.identity = tokenizerIdentity(TRAINED_KIND, described.identity.tokens, { name, json });
  }

  encode(text: string, ends?: Ends): number[] {
    return this.#described.encode(text, ends);
  }

  decode(ids: readonly number[]): string {
    return this.#described.decode(ids);
  }
}

/** How often each word occurs, in pieces that give the words of the whole. */
function countWords(
  texts: readonly string[],
  { normalizer: normal, pre_tokenizer: split }: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, number> {
  const [normalized, words] = [normalizer(NAME, normal), splitter(NAME, split)];
  const times = new Map<string, number>();
  for (const whole of texts)
    for (const piece of piecesOf(whole, 'space')) {
      for (const word of words([normalized(piece)], true)) times.set(word, (times.get(word) ?? 0) + 1);
      if (times.size > MOST_WORDS) throw tooManyWords();
    }
  return times;
}

/** The 256 bytes as byte-level vocabularies spell them: those that can be seen as themselves, others from 256 on. */
function byteAlphabet(): string[] {
  const seen = [...range(0x21, 0x7e), ...range(0xa1, 0xac), ...range(0xae, 0xff)];
  return [...seen, ...range(256, 511 - seen.length)].map((code) => String.fromCharCode(code));
}

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

const byCode = (a: string, b: string): number => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);

/** The most frequent characters, and each of them inside a word. */
function alphabetOf(times: ReadonlyMap<string, number>): string[] {
  const counts = new Map<string, number>();
  const inside = new Set<string>();
  for (const [word, count] of times)
    Array.from(word).forEach((character, i) => {
      counts.set(character, (counts.get(character) ?? 0) + count);
      if (i > 0) inside.add(character);
    });
  const kept = [...counts]
    .sort(([a, m], [b, n]) => n - m || byCode(a, b))
    .slice(0, MOST_CHARACTERS)
    .map(([character]) => character)
    .sort(byCode);
  return [...kept, ...kept.filter((character) => inside.has(character)).map((character) => INSIDE + character)];
}
