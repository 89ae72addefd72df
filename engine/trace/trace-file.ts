// TraceFile: appends lines to trace.jsonl, some at a time. A trace is worth no run: where it cannot be written, it ends
// and the run goes on. It does not decide what is traced.
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { messageOf } from '../core/errors.js';
import type { TraceLine } from './trace-line.js';

/** Characters that are gathered before they are written. */
const GATHERED = 2 ** 16;
/** The file is no longer than this. */
const MOST_BYTES = 2 ** 28;

export class TraceFile {
  readonly #path: string;
  #gathered = '';
  /** Null before the first line is written. */
  #file: number | null = null;
  #bytes = 0;
  #endedBecause: string | null = null;

  /** Nothing is made before there is something to write; what the file has stays. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Why no more is written, or null. */
  get endedBecause(): string | null {
    return this.#endedBecause;
  }

  append(line: TraceLine): void {
    if (this.#endedBecause !== null) return;
    this.#gathered += `${JSON.stringify(line)}\n`;
    if (this.#gathered.length >= GATHERED) this.#flush();
  }

  /** Writes what is gathered; lines that are appended later are lost. Never throws. */
  close(): void {
    if (this.#endedBecause === null) this.#flush();
    this.#end('it is closed');
  }

  #flush(): void {
    if (this.#gathered === '') return;
    try {
      this.#file ??= this.#open();
      const bytes = Buffer.from(this.#gathered);
      for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done);
      this.#bytes += bytes.length;
      this.#gathered = '';
      if (this.#bytes >= MOST_BYTES) this.#end(`it has ${this.#bytes} bytes`);
    } catch (error) {
      this.#end(messageOf(error));
    }
  }

  #open(): number {
    const file = openSync(this.#path, 'a+');
    this.#bytes = fstatSync(file).size;
    // A process that was killed may have left half a line, which must not spoil the next one.
    const last = Buffer.alloc(1);
    if (this.#bytes > 0 && readSync(file, last, 0, 1, this.#bytes - 1) === 1 && last.toString() !== '\n')
      this.#gathered = `\n${this.#gathered}`;
    return file;
  }

  #end(why: string): void {
    this.#endedBecause ??= why;
    this.#gathered = '';
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}
