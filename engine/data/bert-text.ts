// BertText: how BERT (Devlin et al. 2018) cleans a text and takes it apart into words, as the library `tokenizers`
// does it character by character. It knows no vocabulary.
import { IDEOGRAPH, INVISIBLE, lowerCase, NONSPACING_MARK, normalForm, PUNCTUATION } from './unicode-classes.js';

export interface BertTextSettings {
  readonly lowercase: boolean;
  /** Whether accents are taken off. */
  readonly stripAccents: boolean;
  /** Whether control characters vanish and all spaces become one kind. */
  readonly cleanText: boolean;
  /** Whether ideographs are words of their own. */
  readonly splitIdeographs: boolean;
}

export function bertNormalized(
  text: string,
  { lowercase, stripAccents, cleanText, splitIdeographs }: BertTextSettings,
): string {
  let normal = text;
  if (cleanText) normal = normal.replace(INVISIBLE, '').replace(/\p{White_Space}/gu, ' ');
  if (splitIdeographs) normal = normal.replace(IDEOGRAPH, ' $& ');
  if (stripAccents) normal = normalForm(normal, 'NFD').replace(NONSPACING_MARK, '');
  return lowercase ? lowerCase(normal) : normal;
}

/** Words and single punctuation marks of a normalized text. */
export const bertWords = (normal: string): string[] =>
  normal
    .replace(PUNCTUATION, ' $& ')
    .split(/\p{White_Space}+/u)
    .filter((word) => word !== '');
