// DiskCache: results that are costly to compute and cheap to keep, each in a file that is named after everything the
// result depends on. It is a convenience and never a source of errors: what cannot be read, was damaged, or could have
// been put there by somebody else, is not there; what cannot be written is not kept.
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  futimesSync,
  lstatSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { messageOf } from './errors.js';
import { makeFolder } from './made-folder.js';
import { isOwnLink, openOwn, writableFolder } from './own-file.js';
import { writeWholeFile } from './whole-file.js';

const DIGEST_BYTES = 32;
/** Names that are given here; what else lies in the folder is somebody's, and left alone. */
const ENTRY = /^[0-9a-f]{64}\.entry$/;
const DRAFT = /^[0-9a-f]{64}\.entry\.[0-9a-f]{16}\.tmp$/;
/** A file that a killed process left half-written is litter after so long. */
const LITTER_AGE_MS = 3_600_000;

export class DiskCache {
  readonly folder: string;
  readonly #capBytes: number;

  /** `capBytes` bounds all files together; the ones that were not read for the longest time go first. */
  constructor(folder: string, capBytes: number) {
    this.folder = folder;
    this.#capBytes = capBytes;
  }

  /** Why nothing is taken from the folder or kept in it, or null; null also where it is yet to be made. */
  get problem(): string | null {
    try {
      return existsSync(this.folder) || isOwnLink(this.folder) ? problemOf(this.folder) : null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** What was kept under exactly this key, or null. */
  get(key: string): Buffer | null {
    try {
      return problemOf(this.folder) === null ? this.#read(key, this.#path(key)) : null;
    } catch {
      return null;
    }
  }

  /**
   * Keeps a result, whole or not at all, and removes old ones where there are too many. One larger than the cap is not
   * kept.
   */
  put(key: string, payload: Uint8Array): void {
    if (DIGEST_BYTES + payload.byteLength > this.#capBytes) return;
    const path = this.#path(key);
    try {
      makeFolder(this.folder, 0o700);
      if (problemOf(this.folder) !== null) return;
      writeWholeFile(path, Buffer.concat([digestOf(key, payload), payload]), { mode: 0o600, isKeepsake: true });
      this.#evict();
    } catch {
      // It is made again.
    }
  }

  /** Forgets what was kept under exactly this key. */
  remove(key: string): void {
    try {
      if (problemOf(this.folder) === null) rmSync(this.#path(key), { force: true });
    } catch {
      // It stays, as what cannot be written is not kept.
    }
  }

  #read(key: string, path: string): Buffer | null {
    const file = openOwn(path, constants.O_RDONLY);
    try {
      if (fstatSync(file).size > this.#capBytes) return null;
      const content = readFileSync(file);
      const payload = content.subarray(DIGEST_BYTES);
      if (!digestOf(key, payload).equals(content.subarray(0, DIGEST_BYTES))) {
        rmSync(path, { force: true });
        return null;
      }
      const now = new Date();
      futimesSync(file, now, now);
      return payload;
    } finally {
      closeSync(file);
    }
  }

  #path(key: string): string {
    return join(this.folder, `${createHash('sha256').update(key).digest('hex')}.entry`);
  }

  #evict(): void {
    const files = readdirSync(this.folder).flatMap((name) => {
      const path = join(this.folder, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat?.isFile() !== true) return [];
      if (ENTRY.test(name)) return [{ path, size: stat.size, readAt: stat.mtimeMs }];
      if (DRAFT.test(name) && Date.now() - stat.mtimeMs > LITTER_AGE_MS) rmSync(path, { force: true });
      return [];
    });
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of files.sort((a, b) => a.readAt - b.readAt)) {
      if (total <= this.#capBytes) return;
      rmSync(path, { force: true });
      total -= size;
    }
  }
}

/** Over key and payload, so that a file under a wrong name is as worthless as a damaged one. */
const digestOf = (key: string, payload: Uint8Array): Buffer =>
  createHash('sha256').update(key).update('\0').update(payload).digest();

/** Why others could have put something there, or null. A link of one's own may lead to it. Throws where it is not. */
function problemOf(folder: string): string | null {
  const problem = writableFolder(isOwnLink(folder) ? realpathSync(folder) : folder);
  return problem === null ? null : `${folder} ${problem}`;
}
