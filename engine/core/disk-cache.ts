// DiskCache: results that are costly to compute and cheap to keep, each in a file that is named after everything the
// result depends on. It is a convenience and never a source of errors: what cannot be read, or was damaged, is not
// there; what cannot be written is not kept.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIGEST_BYTES = 32;
const SUFFIX = '.entry';
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

  /** What was kept under exactly this key, or null. */
  get(key: string): Buffer | null {
    const path = this.#path(key);
    try {
      const file = readFileSync(path);
      const payload = file.subarray(DIGEST_BYTES);
      if (!digestOf(key, payload).equals(file.subarray(0, DIGEST_BYTES))) {
        rmSync(path, { force: true });
        return null;
      }
      const now = new Date();
      utimesSync(path, now, now);
      return payload;
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
    const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      writeFileSync(draft, Buffer.concat([digestOf(key, payload), payload]));
      renameSync(draft, path);
      this.#evict();
    } catch {
      try {
        rmSync(draft, { force: true });
      } catch {
        // There is no such folder either.
      }
    }
  }

  #path(key: string): string {
    return join(this.folder, `${createHash('sha256').update(key).digest('hex')}${SUFFIX}`);
  }

  #evict(): void {
    const files = readdirSync(this.folder).flatMap((name) => {
      const path = join(this.folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined) return [];
      if (name.endsWith(SUFFIX)) return [{ path, size: stat.size, readAt: stat.mtimeMs }];
      if (name.endsWith('.tmp') && Date.now() - stat.mtimeMs > LITTER_AGE_MS) rmSync(path, { force: true });
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
