// TextStream: a long text from a file, block by block, so that it is never held whole. It can be read several times; it
// does not tokenize.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { openRegularFile } from '../core/bounded-file.js';
import type { Tokenizer } from './dataset.js';
import { notUtf8 } from './source-files.js';
import { piecesOf } from './text-pieces.js';

const BLOCK_BYTES = 2 ** 22;
const CODE_UNITS = 2 ** 16;
/** Different characters that are told; no tokenizer of characters has more. */
const MOST_CHARACTERS = 2 ** 20;

/** What one reading of the whole tells. */
export interface StreamFacts {
  /** UTF-16 units. */
  readonly length: number;
  readonly sha256: string;
  /** Every different character once. */
  readonly characters: string;
  /** The beginning. */
  readonly head: string;
}

/** Where a text may be cut. */
type Cutting = Pick<Tokenizer, 'cut' | 'joinsSpace'>;

export class TextStream {
  readonly #path: string;
  readonly #maxBytes: number;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** Reads it once, in steps. `headLength` is how much of the beginning is kept. */
  *facts(headLength: number): Generator<undefined, StreamFacts> {
    const hash = createHash('sha256');
    const isThere = new Uint8Array(CODE_UNITS);
    const others = new Set<string>();
    let [length, head] = [0, ''];
    for (const block of this.#blocks((bytes) => hash.update(bytes))) {
      length += block.length;
      if (head.length < headLength) head += block.slice(0, headLength - head.length);
      for (let at = 0; at < block.length; at++) isThere[block.charCodeAt(at)] = 1;
      if (others.size < MOST_CHARACTERS)
        for (const [pair] of block.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g)) others.add(pair);
      yield;
    }
    const own = [...isThere.keys()].filter((unit) => isThere[unit] === 1 && !(unit >= 0xd800 && unit <= 0xdfff));
    return {
      length,
      sha256: hash.digest('hex'),
      characters: own.map((unit) => String.fromCharCode(unit)).join('') + [...others].join(''),
      head,
    };
  }

  /**
   * The part from UTF-16 unit `from` to `to` in pieces that may be tokenized one by one; empty ones while it looks for
   * the beginning. Throws PT_DATA_LINE where it
   * has no place for a cut for too long.
   */
  *pieces(from: number, to: number, { cut = 'line', joinsSpace }: Cutting): Generator<string> {
    let rest = '';
    let at = 0;
    for (const block of this.#blocks()) {
      const part = block.slice(Math.max(0, from - at), Math.max(0, to - at));
      at += block.length;
      rest += part;
      if (at <= from) yield '';
      else if (at < to) {
        // The last piece may go on in the next block.
        let done = 0;
        for (const piece of piecesOf(rest, cut, joinsSpace)) {
          if (done + piece.length === rest.length) break;
          done += piece.length;
          yield piece;
        }
        rest = rest.slice(done);
      } else break;
    }
    yield* piecesOf(rest, cut, joinsSpace);
  }

  /** Whether unit `at` is the second half of a character. */
  *isInsideCharacter(at: number): Generator<undefined, boolean> {
    let from = 0;
    for (const block of this.#blocks()) {
      yield;
      if (at < from + block.length) {
        const code = block.charCodeAt(at - from);
        return code >= 0xdc00 && code <= 0xdfff;
      }
      from += block.length;
    }
    return false;
  }

  *#blocks(see: (bytes: Buffer) => unknown = () => undefined): Generator<string> {
    const { file } = openRegularFile(this.#path);
    try {
      const decoder = new TextDecoder('utf-8', { fatal: true });
      const buffer = Buffer.alloc(BLOCK_BYTES);
      let [total, line] = [0, 1];
      for (;;) {
        const wanted = Math.min(BLOCK_BYTES, this.#maxBytes - total);
        const read = wanted === 0 ? 0 : readSync(file, buffer, 0, wanted, null);
        const bytes = buffer.subarray(0, read);
        see(bytes);
        // Half a character at the end is left out where the text goes on.
        if (read === 0 && total === this.#maxBytes) return;
        yield decodedBlock(decoder, bytes, this.#path, line);
        if (read === 0) return;
        total += read;
        for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) line += 1;
      }
    } finally {
      closeSync(file);
    }
  }
}

function decodedBlock(decoder: InstanceType<typeof TextDecoder>, bytes: Buffer, path: string, line: number): string {
  try {
    return decoder.decode(bytes, { stream: bytes.length > 0 });
  } catch (cause) {
    // What a block begins with may belong to a character of the one before.
    const before = bytes
      .toString('latin1')
      .replace(/^[\x80-\xbf]{1,3}/, '')
      .split('\n');
    const bad = before.findIndex((text) => !isUtf8(Buffer.from(text, 'latin1')));
    throw notUtf8(path, bytes, line + Math.max(0, bad), cause);
  }
}
