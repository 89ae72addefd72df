// OwnKey: a secret of this user on this machine, by which it knows again what it has written itself. Whoever makes a
// folder for somebody else cannot make its seal. It encrypts nothing.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../core/made-folder.js';
import { foreignFolder, openOwn } from '../core/own-file.js';

const FILE = 'key';
const BYTES = 32;
/** Others may do anything at all. */
const OTHERS = 0o077;

export class OwnKey {
  readonly #secret: Buffer;

  private constructor(secret: Buffer) {
    this.#secret = secret;
  }

  /**
   * The key in a folder, made where there is none. Null where it cannot be had, or where others could have read or
   * placed it: then nothing is known again.
   */
  static open(folder: string): OwnKey | null {
    try {
      makeFolder(folder, 0o700);
      if (foreignFolder(folder) !== null) return null;
      const path = join(folder, FILE);
      make(path);
      const secret = readKey(path);
      return secret === null ? null : new OwnKey(secret);
    } catch {
      return null;
    }
  }

  /** The seal of a text, as hexadecimal digits. */
  seal(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('hex');
  }

  /** Whether this user has sealed the text. */
  knows(text: string, seal: string | null): boolean {
    if (seal === null) return false;
    const [own, given] = [Buffer.from(this.seal(text)), Buffer.from(seal)];
    return own.length === given.length && timingSafeEqual(own, given);
  }
}

/** Leaves a key that is there alone. */
function make(path: string): void {
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      fchmodSync(file, 0o600);
      writeFileSync(file, randomBytes(BYTES));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function readKey(path: string): Buffer | null {
  const file = openOwn(path, constants.O_RDONLY);
  try {
    const { mode, size } = fstatSync(file);
    if (size !== BYTES || (process.platform !== 'win32' && (mode & OTHERS) !== 0)) return null;
    const secret = Buffer.alloc(BYTES);
    return readSync(file, secret, 0, BYTES, 0) === BYTES ? secret : null;
  } finally {
    closeSync(file);
  }
}
