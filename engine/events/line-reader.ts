// LineReader: the lines of a file, one after the other, whatever its length: it holds one piece of the file and one
// line. It does not know what is in them.
import { closeSync, openSync, readSync, statSync } from 'node:fs';

const PIECE_BYTES = 2 ** 20;
const NEWLINE = 0x0a;

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Where it begins in the file, and its length with its line break. */
  readonly offset: number;
  readonly bytes: number;
  /** Without its line break, good until the next line is asked for. Null where the line is longer than the bound. */
  readonly content: Buffer | null;
  /** Whether it ends with a line break; only the last one may not. */
  readonly isWhole: boolean;
}

/** The lines of the first `size` bytes of a file, none of them empty. Throws what the file system throws. */
export function* readLines(path: string, size: number, maxLineBytes: number): Generator<Line> {
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.alloc(Math.max(1, Math.min(PIECE_BYTES, size)));
    const line = new GrowingLine(maxLineBytes);
    for (let offset = 0; offset < size;) {
      const length = readSync(file, piece, 0, Math.min(piece.length, size - offset), offset);
      if (length === 0) break;
      const read = piece.subarray(0, length);
      for (let begin = 0; begin < length;) {
        const end = read.indexOf(NEWLINE, begin);
        line.add(read.subarray(begin, end < 0 ? length : end));
        begin = end < 0 ? length : end + 1;
        if (end >= 0) yield line.take(offset + begin, true);
      }
      offset += length;
    }
    if (line.bytes > 0) yield line.take(size, false);
  } finally {
    closeSync(file);
  }
}

/** Length of a file now. Throws where it is no file: what is not may have no end, or wait for one. */
export function sizeOf(path: string): number {
  const stat = statSync(path);
  if (!stat.isFile()) throw new Error(`${path} is no file`);
  return stat.size;
}

/** A line that is put together from pieces. */
class GrowingLine {
  readonly #most: number;
  #pieces: Buffer[] = [];
  #number = 0;
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    // The piece is read over soon; of a line that is too long nothing is kept.
    if (this.#bytes > this.#most) this.#pieces = [];
    else this.#pieces.push(Buffer.from(piece));
  }

  take(end: number, isWhole: boolean): Line {
    const bytes = this.#bytes + (isWhole ? 1 : 0);
    const content = this.#bytes > this.#most ? null : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return { number: ++this.#number, offset: end - bytes, bytes, content, isWhole };
  }
}
