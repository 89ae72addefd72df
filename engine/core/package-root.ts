// The folder of this installation: where its package.json lies. What lies in it is not this module's business.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const manifestSchema = z.object({ name: z.string(), version: z.string() });
const NAME = 'pipetrain';

export interface PackageRoot {
  readonly folder: string;
  readonly version: string;
}

/**
 * The nearest folder above this module, be it a source, a compiled file or a part of a bundle, with the package.json of
 * this package; null where there is none.
 */
export function packageRoot(): PackageRoot | null {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    const manifest = existsSync(file) ? manifestSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))) : null;
    if (manifest?.data?.name === NAME) return { folder, version: manifest.data.version };
  }
  return null;
}
