// CodeDigest: names the code that turns a model into programs: the op table, tracing, cutting, lowering, the built-in
// models. What it computed may be kept between runs only under this name. It reads the files of this installation, so
// that a change of the code needs no change of a version.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../core/version.js';
import * as tf from './tf.js';

/** Of modules: where that code lies, beside this folder. */
const MODULES = ['core', 'tensor', 'model'];
/** Of bundles, which cannot be told apart: all code that the processes share, and the worker's own. */
const BUNDLES = ['chunks', join('engine', 'worker')];
const CODE = /(?<!\.d)\.[jt]s$/;

/** Hexadecimal, or null where the code cannot be found; then nothing may be kept. */
export function codeDigest(here: string = dirname(fileURLToPath(import.meta.url))): string | null {
  const root = join(here, '..');
  const folders = [MODULES, BUNDLES].find((names) => names.every((name) => existsSync(join(root, name))));
  if (folders === undefined) return null;
  const hash = createHash('sha256').update(`${VERSION} ${tf.version_core} ${process.versions.v8}`);
  try {
    for (const folder of folders)
      for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort())
        if (CODE.test(name)) hash.update(`\0${folder}/${name}\0`).update(readFileSync(join(root, folder, name)));
  } catch {
    return null;
  }
  return hash.digest('hex');
}
