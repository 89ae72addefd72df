// MessageCapture: what native code writes to the error output, kept in memory. PyTorch before 2.13 hands no message
// of a failed call over; it only writes it there. What turns out to be no such message is passed on.
import { fstatSync, readSync, writeSync } from 'node:fs';
import { loadKoffi } from '../native.js';

const ERROR_OUTPUT = 2;
const MFD_CLOEXEC = 1;
const SEEK_SET = 0;

type Call = (...args: readonly unknown[]) => number;

export class MessageCapture {
  readonly #duplicate: Call;
  readonly #seek: Call;
  /** A file in memory, and the error output as it was; -1 where this system has no such files. */
  readonly #memory: number;
  readonly #output: number;
  #depth = 0;

  constructor() {
    const system = loadKoffi().load(null);
    const call = (name: string, result: string, args: string[]): Call => system.func(name, result, args) as Call;
    this.#duplicate = call('dup2', 'int', ['int', 'int']);
    this.#seek = call('lseek', 'int64', ['int', 'int64', 'int']);
    const isLinux = process.platform === 'linux';
    this.#memory = isLinux ? call('memfd_create', 'int', ['const char *', 'uint'])('messages', MFD_CLOEXEC) : -1;
    this.#output = this.#memory < 0 ? -1 : call('dup', 'int', ['int'])(ERROR_OUTPUT);
  }

  /** Everything written until `end` is kept. May be nested. */
  begin(): void {
    if (this.#memory >= 0 && this.#depth++ === 0) this.#duplicate(this.#memory, ERROR_OUTPUT);
  }

  /** What was written since it was last taken. */
  take(): string {
    if (this.#memory < 0) return '';
    const text = Buffer.alloc(fstatSync(this.#memory).size);
    const bytes = this.#position();
    readSync(this.#memory, text, 0, bytes, 0);
    this.#seek(this.#memory, 0, SEEK_SET);
    return text.toString('utf8', 0, bytes);
  }

  /** Ends the capture; what nobody has taken goes where it was meant to go. */
  end(): void {
    if (this.#memory < 0 || --this.#depth > 0) return;
    this.#duplicate(this.#output, ERROR_OUTPUT);
    if (this.#position() > 0) writeSync(ERROR_OUTPUT, this.take());
  }

  /** Bytes written since the last `take`. */
  #position(): number {
    const SEEK_CUR = 1;
    return Number(this.#seek(this.#memory, 0, SEEK_CUR));
  }
}
