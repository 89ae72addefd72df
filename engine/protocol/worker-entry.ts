// The compiled entry of a worker process.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../core/invariant.js';
import { packageRoot } from '../core/package-root.js';

/** In dist/, wherever this module is run from: a source, a compiled file or a bundle. */
export function workerEntry(): string {
  const root = present(packageRoot(), 'package.json of pipetrain').folder;
  const entry = join(root, 'dist', 'engine', 'worker', 'worker-main.js');
  return present([entry].find(existsSync), 'worker-main.js; build dist/ first');
}
