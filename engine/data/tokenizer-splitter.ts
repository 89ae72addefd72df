// TokenizerSplitter: how `pre_tokenizer` of a tokenizer.json takes a normalized text apart into words: the kinds that
// are done here exactly as the library `tokenizers` does them. All others are refused.
import { z } from 'zod';
import { bertWords } from './bert-text.js';
import { checked, typeOf } from './tokenizer-normalizer.js';
import { refused, unsupported } from './tokenizer-refusal.js';
import { ByteLevelPreTokenizer } from './tokenizers-library.js';
import { LETTER, NUMBER, PUNCTUATION, WORD_CHARACTER } from './unicode-classes.js';
import { remembering } from './word-memory.js';

/** Takes each of the words apart. `isFirst`: the first of them begins the text. */
export type Split = (words: readonly string[], isFirst: boolean) => string[];

const bare = z.strictObject({ type: z.string() });
const digitsSchema = z.strictObject({ type: z.string(), individual_digits: z.boolean() });
const punctuationSchema = z.strictObject({ type: z.string(), behavior: z.literal('Isolated').default('Isolated') });
const byteLevelSchema = z.strictObject({
  type: z.string(),
  add_prefix_space: z.boolean(),
  /** Says where tokens lie in the text, not which they are. */
  trim_offsets: z.boolean().optional(),
  use_regex: z.boolean().default(true),
});
const metaspaceSchema = z.strictObject({
  type: z.string(),
  replacement: z.string().length(1),
  str_rep: z.string().optional(),
  add_prefix_space: z.boolean().optional(),
  prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
  split: z.boolean().default(true),
});
const splitSchema = z.strictObject({
  type: z.string(),
  pattern: z.union([z.strictObject({ Regex: z.string() }), z.strictObject({ String: z.string().min(1) })]),
  behavior: z.enum(['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext']),
  invert: z.literal(false),
});
const sequenceSchema = z.strictObject({ type: z.string(), pretokenizers: z.array(z.unknown()) });

/** A run of word characters, or of marks that are neither those nor spaces. */
const WORD_OR_MARKS = new RegExp(`${WORD_CHARACTER}+|(?:(?!${WORD_CHARACTER})\\P{White_Space})+`, 'gu');
/** As in GPT-2. */
const BYTE_LEVEL = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?${LETTER}+| ?${NUMBER}+| ?(?:(?!${LETTER}|${NUMBER})\\P{White_Space})+` +
    '|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+',
  'gu',
);

/** As in Llama 3 and Qwen2, which differ in how many digits make a word. A long s counts as one, too. */
const contractions = (digits: string): RegExp =>
  new RegExp(
    `'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|(?:(?!${LETTER}|${NUMBER})[^\\r\\n])?${LETTER}+|${digits}` +
      `| ?(?:(?!${LETTER}|${NUMBER})\\P{White_Space})+[\\r\\n]*|\\p{White_Space}*[\\r\\n]+` +
      '|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+',
    'gu',
  );
/** As it is written in those tokenizers. */
export const contractionsSource = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+` +
  '|\\s+(?!\\S)|\\s+';
const DIGITS = ['\\p{N}', '\\p{N}{1,3}'];
/** Patterns of `Split` that are done here, by how they are written there. */
const PATTERNS: ReadonlyMap<string, RegExp> = new Map(
  DIGITS.map((digits) => [contractionsSource(digits), contractions(digits.replace('\\p{N}', NUMBER))]),
);

/** `piece` may be null. Throws PT_TOKENIZER for a kind or a setting that is not supported. */
export function splitter(file: string, piece: unknown): Split {
  if (piece === null || piece === undefined) return (words) => [...words];
  if (typeOf(piece) !== 'Sequence') return single(file, 'pre_tokenizer', piece, true);
  const { pretokenizers } = checked(file, 'pre_tokenizer', sequenceSchema, piece);
  const steps = pretokenizers.map((step, i) => single(file, `pre_tokenizer.pretokenizers[${i}]`, step, i === 0));
  return (words, isFirst) => steps.reduce<string[]>((so, step) => step(so, isFirst), [...words]);
}

const byPattern =
  (pattern: RegExp): Split =>
  (words) =>
    words.flatMap((word) => word.match(pattern) ?? []);

/** The matches, and what lies between them. */
const isolating =
  (pattern: RegExp): Split =>
  (words) =>
    words.flatMap((word) => {
      const parts: string[] = [];
      let from = 0;
      for (const match of word.matchAll(pattern)) {
        if (match.index > from) parts.push(word.slice(from, match.index));
        parts.push(match[0]);
        from = match.index + match[0].length;
      }
      if (from < word.length) parts.push(word.slice(from));
      return parts;
    });

function single(file: string, at: string, piece: unknown, isFirstStep: boolean): Split {
  const type = typeOf(piece);
  switch (type) {
    case 'BertPreTokenizer':
      checked(file, at, bare, piece);
      return (words) => words.flatMap(bertWords);
    case 'Whitespace':
      checked(file, at, bare, piece);
      return byPattern(WORD_OR_MARKS);
    case 'WhitespaceSplit':
      checked(file, at, bare, piece);
      return byPattern(/\P{White_Space}+/gu);
    case 'Punctuation':
      checked(file, at, punctuationSchema, piece);
      return isolating(PUNCTUATION);
    case 'Digits':
      return isolating(checked(file, at, digitsSchema, piece).individual_digits ? /\p{N}/gu : /\p{N}+/gu);
    case 'Split': {
      const { pattern, behavior } = checked(file, at, splitSchema, piece);
      if ('String' in pattern) return separating(pattern.String, behavior);
      const known = PATTERNS.get(pattern.Regex);
      if (known === undefined) throw unsupported(file, `${at} "Split" by the pattern ${pattern.Regex}`);
      if (behavior !== 'Isolated') throw unsupported(file, `${at}.behavior "${behavior}" of a pattern`);
      return isolating(known);
    }
    case 'ByteLevel':
      return byteLevel(checked(file, at, byteLevelSchema, piece));
    case 'Metaspace': {
      const settings = checked(file, at, metaspaceSchema, piece);
      if (settings.prepend_scheme === 'first' && !isFirstStep)
        throw unsupported(file, `${at}.prepend_scheme "first" behind other steps`);
      return metaspace(file, at, settings);
    }
    default:
      throw unsupported(file, `${at} "${type}"`);
  }
}

type Behavior = z.infer<typeof splitSchema>['behavior'];

/** What becomes of `mark`, wherever it stands in a word. */
function separating(mark: string, behavior: Behavior): Split {
  const parts = (word: string): string[] => {
    const between = word.split(mark);
    const last = between.length - 1;
    switch (behavior) {
      case 'Isolated':
        return between.flatMap((part, i) => (i < last ? [part, mark] : [part]));
      case 'Removed':
        return between;
      case 'MergedWithPrevious':
        return between.map((part, i) => (i < last ? part + mark : part));
      case 'MergedWithNext':
        return between.map((part, i) => (i > 0 ? mark + part : part));
    }
  };
  return (words) => words.flatMap((word) => parts(word).filter((part) => part !== ''));
}

function byteLevel({ add_prefix_space, use_regex }: z.infer<typeof byteLevelSchema>): Split {
  const library = new ByteLevelPreTokenizer({ type: 'ByteLevel', add_prefix_space: false, use_regex: false });
  const inBytes = remembering((word) => library.pre_tokenize_text(word));
  return (words) =>
    words
      .map((word) => (add_prefix_space && !word.startsWith(' ') ? ` ${word}` : word))
      .flatMap((word) => (use_regex ? (word.match(BYTE_LEVEL) ?? []) : [word]))
      .flatMap((word) => inBytes(word));
}

function metaspace(
  file: string,
  at: string,
  { replacement, add_prefix_space, prepend_scheme, split }: z.infer<typeof metaspaceSchema>,
): Split {
  // Older files say only whether there is a space in front.
  const scheme = prepend_scheme ?? (add_prefix_space === false ? 'never' : 'always');
  if (add_prefix_space !== undefined && add_prefix_space !== (scheme !== 'never'))
    throw refused(file, `${at} says prepend_scheme "${scheme}" and add_prefix_space ${add_prefix_space}`);
  return (words, isFirst) =>
    words.flatMap((word, i) => {
      let text = word.replaceAll(' ', replacement);
      const wants = scheme === 'always' || (scheme === 'first' && isFirst && i === 0);
      if (wants && !text.startsWith(replacement)) text = replacement + text;
      return split ? behindMarks(text, replacement) : [text];
    });
}

/** Cut in front of every mark, which stays with what follows. */
function behindMarks(text: string, mark: string): string[] {
  const [head = '', ...rest] = text.split(mark);
  return [head, ...rest.map((part) => mark + part)].filter((part) => part !== '');
}
