// TokenizerIdentity: everything that decides which ids a text becomes, in a form that can be kept and compared: two
// tokenizers with the same digest give every text the same ids. It encodes nothing.
import { createHash } from 'node:crypto';

export type TokenizerSettings = Readonly<Record<string, string | number | boolean>>;

export interface TokenizerIdentity {
  /** `words`, `chars`, `bytes`, `wordpiece` or `file`. */
  readonly kind: string;
  /** The text of every id, special tokens included; null where tokens are no texts (bytes). */
  readonly tokens: readonly string[] | null;
  /** What besides the vocabulary decides ids, e.g. the folding of case. */
  readonly settings: TokenizerSettings;
  /** SHA-256 over the three, 64 hexadecimal digits. The order of the settings does not matter. */
  readonly sha256: string;
}

/** The identity with its digest. */
export function tokenizerIdentity(
  kind: string,
  tokens: readonly string[] | null,
  settings: TokenizerSettings,
): TokenizerIdentity {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  const sha256 = createHash('sha256')
    .update(JSON.stringify([kind, tokens, sorted]))
    .digest('hex');
  return { kind, tokens, settings, sha256 };
}
