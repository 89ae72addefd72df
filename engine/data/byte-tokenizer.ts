// ByteTokenizer: the bytes of the UTF-8 text, behind the special tokens. Knows every text and loses nothing.
import type { Tokenizer } from './dataset.js';
import { type TokenizerIdentity, tokenizerIdentity } from './tokenizer-identity.js';

export class ByteTokenizer implements Tokenizer {
  readonly name = 'bytes';
  readonly cut = 'anywhere';
  readonly file = null;
  readonly unknown = null;
  readonly size: number;
  readonly identity: TokenizerIdentity;
  readonly #specials: readonly string[];

  /** `specials` take the first ids; `encode` never makes them. */
  constructor(specials: readonly string[] = []) {
    this.#specials = specials;
    this.size = specials.length + 256;
    this.identity = tokenizerIdentity('bytes', null, { specials: specials.join(' ') });
  }

  encode(text: string): number[] {
    const first = this.#specials.length;
    return Array.from(new TextEncoder().encode(text), (byte) => byte + first);
  }

  /** Bytes that are no UTF-8 become the replacement character; special tokens vanish. */
  decode(ids: readonly number[]): string {
    const first = this.#specials.length;
    return new TextDecoder().decode(
      Uint8Array.from(
        ids.filter((id) => id >= first),
        (id) => id - first,
      ),
    );
  }
}
