// TokenFile: the tokens of a long text in a file of their own, made once and read by range, so that no process holds
// them. Whoever opens the data of a run first makes it; the others find it by what the text and the options are. It
// does not tokenize.
import { closeSync, constants, existsSync, mkdirSync, readFileSync, readSync, renameSync, rmSync } from 'node:fs';
import { fstatSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError, messageOf } from '../core/errors.js';
import { foreignFolder, openOwn } from '../core/own-file.js';
import type { NumberArray } from '../tensor/shape.js';
import { sizeOf } from '../tensor/shape.js';
import type { Column, TokenArray } from './column.js';
import { tokenArray } from './column.js';
import type { FieldSpec } from './dataset.js';

/** Tokens that are gathered before they are written. */
const WRITTEN_TOKENS = 2 ** 20;

/** The folder for them where nobody names one: beside other temporary files. */
export const usualTokenFolder = (): string => join(tmpdir(), `pipetrain-tokens-${process.geteuid?.() ?? 'own'}`);

/** Files of one folder by their keys. */
export class TokenFolder {
  readonly #folder: string;

  /** Made where there is none. Throws a DataError (PT_DATA_TOKENS) where it is not this user's alone. */
  constructor(folder: string) {
    this.#folder = folder;
    this.#guarded(() => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const problem = foreignFolder(folder);
      if (problem !== null) throw new Error(`${folder} ${problem}`);
    });
  }

  /** What was written with a file of tokens, or null where there is none with this key. */
  note(key: string): unknown {
    const path = join(this.#folder, `${key}.json`);
    if (!existsSync(path)) return null;
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as unknown;
    } catch {
      return null;
    }
  }

  /**
   * Writes the tokens that `fill` adds, and then what it returns as their note. It goes on in steps, between which
   * others may have their turn. Two may write the same at once.
   */
  *write<T extends object>(
    key: string,
    vocabulary: number,
    fill: (add: (ids: readonly number[]) => void) => Generator<undefined, T>,
  ): Generator<undefined, T> {
    const temporary = join(this.#folder, `${key}.${process.pid}.part`);
    const file = this.#guarded(() => openOwn(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC));
    try {
      const buffer = tokenArray(vocabulary, WRITTEN_TOKENS);
      let used = 0;
      const flush = (): void => {
        this.#guarded(() => {
          writeAll(file, bytesOf(buffer.subarray(0, used)));
        });
        used = 0;
      };
      const note = yield* fill((ids) => {
        for (const id of ids) {
          if (used === buffer.length) flush();
          buffer[used++] = id;
        }
      });
      flush();
      this.#guarded(() => {
        renameSync(temporary, join(this.#folder, `${key}.tokens`));
        writeFileSync(temporary, JSON.stringify(note), { mode: 0o600 });
        renameSync(temporary, join(this.#folder, `${key}.json`));
      });
      return note;
    } finally {
      closeSync(file);
      rmSync(temporary, { force: true });
    }
  }

  /** Opens the tokens, `length` of them; null where there are others. The file stays open as long as the process. */
  open(key: string, vocabulary: number, length: number): TokenFile | null {
    const path = join(this.#folder, `${key}.tokens`);
    if (!existsSync(path)) return null;
    return this.#guarded(() => {
      const file = openOwn(path, constants.O_RDONLY);
      if (fstatSync(file).size === length * tokenArray(vocabulary, 0).BYTES_PER_ELEMENT)
        return new TokenFile(file, vocabulary);
      closeSync(file);
      return null;
    });
  }

  #guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof Error) || error instanceof DataError || 'hint' in error) throw error;
      throw new DataError(
        'PT_DATA_TOKENS',
        `the file of tokens cannot be kept in ${this.#folder}: ${messageOf(error)}`,
        'name a folder of your own with room for it: --data-options tokensDir=DIR; or hold the tokens in memory: ' +
          'onDisk=false',
        { cause: error },
      );
    }
  }
}

class TokenFile {
  readonly #file: number;
  readonly #vocabulary: number;

  constructor(file: number, vocabulary: number) {
    this.#file = file;
    this.#vocabulary = vocabulary;
  }

  /** Windows of the tokens: sample `id` starts at `startOf(id)`. */
  column(spec: FieldSpec, startOf: (id: number) => number): Column {
    const window = tokenArray(this.#vocabulary, sizeOf(spec.shape));
    const bytes = bytesOf(window);
    return {
      spec,
      copy: (id: number, out: NumberArray, at: number) => {
        const place = startOf(id) * window.BYTES_PER_ELEMENT;
        for (let read = 0; read < bytes.length;) {
          const more = readSync(this.#file, bytes, read, bytes.length - read, place + read);
          if (more === 0)
            throw new DataError(
              'PT_DATA_TOKENS',
              'the file of tokens became shorter while it was read',
              'leave it alone while a run goes on; resume the run, which makes it again',
            );
          read += more;
        }
        out.set(window, at);
      },
    };
  }
}

const bytesOf = (tokens: TokenArray): Uint8Array => new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}
