// The compiled entry of a worker process.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../core/errors.js';
import { packageRoot } from '../core/package-root.js';

/**
 * In dist/, wherever this module is run from: a source, a compiled file or a bundle of ours. Throws a UsageError
 * (PT_INSTALLATION) where there is none above this module: somebody has taken it along into a bundle of their own.
 */
export function workerEntry(): string {
  const root = packageRoot()?.folder;
  const entry = root === undefined ? null : join(root, 'dist', 'engine', 'worker', 'worker-main.js');
  if (entry !== null && existsSync(entry)) return entry;
  const here = fileURLToPath(import.meta.url);
  throw new UsageError(
    'PT_INSTALLATION',
    `the program of workers was not found: ${entry ?? `no folder above ${here} is that of pipetrain`}`,
    'Leave pipetrain out of the bundle of your program (esbuild --external:pipetrain; `external` of others) and keep ' +
      'it installed beside it. In a checkout: npm run build.',
  );
}
