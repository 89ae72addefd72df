// CacheManifest: what the activation cache held when a checkpoint was written: levels, digests, samples. A small file beside the parameters; the records
// themselves are in memory and not in it. It restores nothing.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { storeContents, type StoreContents } from '../cache/store-contents.js';
import { levelOfCacheFile } from './dp/memory-names.js';

export const CACHE_MANIFEST_FILE = 'cache.json';

export interface CacheManifest {
  readonly codec: 'f32';
  readonly levels: readonly StoreContents[];
}

/** Looks at the stores of a run; `memory` is its folder in shared memory. A store that goes away meanwhile is left out. */
export function cacheManifest(memory: string): CacheManifest {
  const levels = readdirSync(memory)
    .filter((name) => levelOfCacheFile(name) !== null)
    .flatMap((name) => {
      try {
        return [storeContents(join(memory, name))];
      } catch {
        return [];
      }
    });
  return { codec: 'f32', levels: levels.sort((a, b) => a.depth - b.depth) };
}
