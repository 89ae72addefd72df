// The compiled entry of a worker process.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { present } from './core/invariant.js';

/** Beside this module; in dist/, where this module is a part of a bundle or is run from its source. */
export function workerEntry(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const places = [here, join(here, '..', 'engine'), join(here, '..', 'dist', 'engine')].map((folder) => join(folder, 'worker-main.js'));
  return present(places.find(existsSync), 'worker-main.js; build dist/ first');
}
