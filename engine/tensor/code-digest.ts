// CodeDigest: names the code that turns a model into programs: the op table, tracing, cutting, lowering, the built-in
// models. What it computed may be kept between runs only under this name. It reads the files of this installation, so
// that a change of the code needs no change of a version.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../core/version.js';
import * as tf from './tf.js';

const FOLDERS = ['core', 'tensor', 'model'];
const CODE = /(?<!\.d)\.[jt]s$/;

/** Hexadecimal, or null where the code cannot be found; then nothing may be kept. */
export function codeDigest(): string | null {
  const here = dirname(fileURLToPath(import.meta.url));
  // This module is one of the files, or part of a bundle in dist/engine/worker, dist/cli or dist/chunks.
  const root = [join(here, '..'), join(here, '..', 'engine')].find((folder) =>
    FOLDERS.every((name) => existsSync(join(folder, name))),
  );
  if (root === undefined) return null;
  const hash = createHash('sha256').update(`${VERSION} ${tf.version_core} ${process.versions.v8}`);
  try {
    for (const folder of FOLDERS)
      for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort())
        if (CODE.test(name)) hash.update(`\0${folder}/${name}\0`).update(readFileSync(join(root, folder, name)));
  } catch {
    return null;
  }
  return hash.digest('hex');
}
