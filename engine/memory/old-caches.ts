// Removes the levels of the activation cache that a plan reads no more from a folder: that of the run, the one on a
// disk, the memory of a worker on another host.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../core/plan.js';
import { cacheFile, diskIndexFile, tierOfCacheFile } from '../dp/memory-names.js';
import { namesIn } from './leftovers.js';

export function removeOldCaches(folder: string, { frozen, previousCacheDepth }: Plan): void {
  const kept = new Set(
    [frozen, previousCacheDepth ?? frozen].flatMap((depth) => [cacheFile(folder, depth), diskIndexFile(folder, depth)]),
  );
  for (const path of namesIn(folder)
    .filter((name) => tierOfCacheFile(name) !== null)
    .map((name) => join(folder, name)))
    if (!kept.has(path)) rmSync(path, { force: true });
}
