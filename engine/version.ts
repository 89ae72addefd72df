// The version of this package, as its package.json says it.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

function readVersion(): string {
  // package.json lies one level above engine/ in the sources and two above it in dist/.
  const here = dirname(fileURLToPath(import.meta.url));
  const file = [join(here, '..', 'package.json'), join(here, '..', '..', 'package.json')].find(existsSync);
  return file === undefined ? 'unknown' : z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}

export const VERSION: string = readVersion();
