// Charsmap: the rules of SentencePiece for normal forms (`Precompiled` of a tokenizer.json): a trie of byte strings and
// what each becomes, as the library `tokenizers` applies them, its shortcuts included. It makes no rules.
import { refused } from './tokenizer-refusal.js';

/** Clusters of characters that are longer, in bytes of UTF-8, are looked up character by character. */
const LONGEST_CLUSTER = 5;
/** So many clusters are remembered; then it begins anew. */
const MOST_KNOWN = 1 << 16;
/** What is not ASCII, with the characters beside it, which may belong to its clusters. */
const OTHER = /(?:(?:\r\n|[\0-\x7f])?[^\0-\x7f]+)+(?:\r\n|[\0-\x7f])?/g;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** A double-array trie (Aoe 1989) of 32-bit units. */
class Trie {
  readonly #units: Uint32Array;

  constructor(units: Uint32Array) {
    this.#units = units;
  }

  /** The value of the shortest key that `bytes` begins with, or null. */
  shortest(bytes: Uint8Array): number | null {
    let at = offset(this.#unit(0));
    for (const byte of bytes) {
      if (byte === 0) return null;
      at ^= byte;
      const unit = this.#unit(at);
      if ((unit & 0x800000ff) >>> 0 !== byte) return null;
      at ^= offset(unit);
      if (((unit >>> 8) & 1) === 1) return this.#unit(at) & 0x7fffffff;
    }
    return null;
  }

  #unit(at: number): number {
    return this.#units[at] ?? 0;
  }
}

const offset = (unit: number): number => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;

/** `base64` is the map as the file has it. Throws PT_TOKENIZER where it is none. */
export function charsmap(file: string, at: string, base64: string): (text: string) => string {
  const bytes = BASE64.test(base64) ? Buffer.from(base64, 'base64') : Buffer.alloc(0);
  const trieBytes = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  if (trieBytes === 0 || trieBytes % 4 !== 0 || trieBytes + 4 > bytes.length)
    throw refused(file, `${at}.precompiled_charsmap is no map of characters`);
  const units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const trie = new Trie(units);
  const results = bytes.subarray(4 + trieBytes);
  const mapped = (part: string): string | null => {
    const start = trie.shortest(Buffer.from(part));
    if (start === null || start >= results.length) return null;
    const end = results.indexOf(0, start);
    return results.toString('utf8', start, end < 0 ? results.length : end);
  };
  const known = new Map<string, string>();
  const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const ofCluster = (cluster: string): string => {
    const whole = Buffer.byteLength(cluster) <= LONGEST_CLUSTER ? mapped(cluster) : null;
    return whole ?? Array.from(cluster, (character) => mapped(character) ?? character).join('');
  };
  const ofText = (text: string): string => {
    let normal = '';
    for (const { segment } of clusters.segment(text)) {
      let made = known.get(segment);
      if (made === undefined) {
        made = ofCluster(segment);
        if (known.size >= MOST_KNOWN) known.clear();
        known.set(segment, made);
      }
      normal += made;
    }
    return normal;
  };
  const isPlain = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).every(
    (one) => mapped(one) === null,
  );
  // The segmenter is slow: where only ASCII stands, each character is a cluster, but for one line break.
  const ofAscii = (text: string): string =>
    isPlain && !/[^ -~]/.test(text) ? text : text.replace(/\r\n|[^]/g, ofCluster);
  return (text) => {
    let normal = '';
    let from = 0;
    for (const match of text.matchAll(OTHER)) {
      normal += ofAscii(text.slice(from, match.index)) + ofText(match[0]);
      from = match.index + match[0].length;
    }
    return normal + ofAscii(text.slice(from));
  };
}
