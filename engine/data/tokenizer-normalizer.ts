// TokenizerNormalizer: what `normalizer` of a tokenizer.json does to a text before it is taken apart: the kinds that
// are done here exactly as the library `tokenizers` does them. All others are refused.
import { z } from 'zod';
import { bertNormalized, type BertTextSettings } from './bert-text.js';
import { charsmap } from './charsmap.js';
import { type Ends, WHOLE } from './text-ends.js';
import { refused, unsupported } from './tokenizer-refusal.js';
import { COMBINING_MARK, lowerCase, type NormalForm, normalForm } from './unicode-classes.js';

/** `ends`: which ends of the text are those of the whole; default: both. */
export type Normalize = (text: string, ends?: Ends) => string;

const bertSchema = z.strictObject({
  type: z.literal('BertNormalizer'),
  clean_text: z.boolean(),
  handle_chinese_chars: z.boolean(),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean(),
});
const bare = z.strictObject({ type: z.string() });
const replaceSchema = z.strictObject({
  type: z.string(),
  pattern: z.union([z.strictObject({ String: z.string().min(1) }), z.strictObject({ Regex: z.string() })]),
  content: z.string(),
});
const precompiledSchema = z.strictObject({ type: z.string(), precompiled_charsmap: z.string() });
const prependSchema = z.strictObject({ type: z.string(), prepend: z.string() });
const stripSchema = z.strictObject({ type: z.string(), strip_left: z.boolean(), strip_right: z.boolean() });
const sequenceSchema = z.strictObject({ type: z.string(), normalizers: z.array(z.unknown()) });

/** The settings of a BertNormalizer; null where the piece is another. */
export function bertSettings(file: string, piece: unknown): BertTextSettings | null {
  if (typeOf(piece) !== 'BertNormalizer') return null;
  const { clean_text, handle_chinese_chars, strip_accents, lowercase } = checked(file, 'normalizer', bertSchema, piece);
  return {
    lowercase,
    // Where nothing is said, accents go together with case.
    stripAccents: strip_accents ?? lowercase,
    cleanText: clean_text,
    splitIdeographs: handle_chinese_chars,
  };
}

/** `piece` may be null. Throws PT_TOKENIZER for a kind or a setting that is not supported. */
export function normalizer(file: string, piece: unknown): Normalize {
  if (piece === null || piece === undefined) return (text) => text;
  if (typeOf(piece) !== 'Sequence') return single(file, 'normalizer', piece);
  const { normalizers } = checked(file, 'normalizer', sequenceSchema, piece);
  const steps = normalizers.map((step, i) => single(file, `normalizer.normalizers[${i}]`, step));
  return (text, ends = WHOLE) => steps.reduce((so, step) => step(so, ends), text);
}

/** Patterns of `Replace` that are done here, by how they are written there. */
const PATTERNS: ReadonlyMap<string, RegExp> = new Map([[' {2,}', / {2,}/g]]);

function replacing(file: string, at: string, piece: unknown): Normalize {
  const { pattern, content } = checked(file, at, replaceSchema, piece);
  const replaced = 'String' in pattern ? pattern.String : PATTERNS.get(pattern.Regex);
  if (replaced === undefined)
    throw unsupported(file, `${at} "Replace" of the pattern ${JSON.stringify(Object.values(pattern)[0])}`);
  return (text) => text.replaceAll(replaced, () => content);
}

function stripping(file: string, at: string, piece: unknown): Normalize {
  const { strip_left, strip_right } = checked(file, at, stripSchema, piece);
  return (text, { start, end } = WHOLE) => {
    const left = strip_left && start ? text.replace(/^\p{White_Space}+/u, '') : text;
    return strip_right && end ? withoutSpacesAtEnd(left) : left;
  };
}

/** What SentencePiece took out of web pages before it had maps of characters. */
const nmt = (text: string): string =>
  text
    .replace(/[\u0001-\u0008\u000B\u000E-\u001F\u007F\u008F\u009F]/g, '')
    .replace(/[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g, ' ');

function single(file: string, at: string, piece: unknown): Normalize {
  const type = typeOf(piece);
  switch (type) {
    case 'BertNormalizer': {
      const settings = bertSettings(file, piece);
      return (text) => (settings === null ? text : bertNormalized(text, settings));
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      checked(file, at, bare, piece);
      return (text) => normalForm(text, type satisfies NormalForm);
    case 'Lowercase':
      checked(file, at, bare, piece);
      return lowerCase;
    case 'StripAccents':
      checked(file, at, bare, piece);
      return (text) => text.replace(COMBINING_MARK, '');
    case 'Nmt':
      checked(file, at, bare, piece);
      return nmt;
    case 'Precompiled':
      return charsmap(file, at, checked(file, at, precompiledSchema, piece).precompiled_charsmap);
    case 'Replace':
      return replacing(file, at, piece);
    case 'Prepend': {
      const { prepend } = checked(file, at, prependSchema, piece);
      return (text, { start } = WHOLE) => (text === '' || !start ? text : prepend + text);
    }
    case 'Strip':
      return stripping(file, at, piece);
    default:
      throw unsupported(file, `${at} "${type}"`);
  }
}

/** From the end: a search for spaces before the end would begin again at every space. */
function withoutSpacesAtEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

/** What a piece without a type is called. */
export const UNTYPED = 'without a type';

export function typeOf(piece: unknown): string {
  const type = (piece as { readonly type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' ? type : UNTYPED;
}

/** A piece as its schema has it; PT_TOKENIZER with its place where it has something else. */
export function checked<T>(file: string, at: string, schema: z.ZodType<T>, piece: unknown): T {
  const result = schema.safeParse(piece);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = [at, ...(issue?.path ?? [])].join('.');
  const extra = issue?.code === 'unrecognized_keys' ? issue.keys.map((key) => `${place}.${key}`).join(', ') : null;
  if (extra !== null) throw unsupported(file, extra);
  throw refused(
    file,
    `${place} (of "${typeOf(piece)}") is not supported as it is: ${issue?.message ?? 'not readable'}`,
  );
}
