// CacheManifest: what the activation cache held when a checkpoint was written: levels, digests, samples. A small file
// beside the parameters; the records themselves go with the run and are not in it. It restores nothing.
import { join } from 'node:path';
import type { CodecName } from '../../cache/codec.js';
import { type StoreContents, storeContents } from '../../cache/store-contents.js';
import { tierOfCacheFile } from '../dp/memory-names.js';
import { namesIn } from '../memory/leftovers.js';

export const CACHE_MANIFEST_FILE = 'cache.json';

export interface CacheManifest {
  readonly codec: CodecName;
  /** A level may have records in memory and others on a disk. */
  readonly levels: readonly (StoreContents & { readonly tier: 'memory' | 'disk' })[];
}

/**
 * Looks at the stores of a run; `memory` is its folder in shared memory, where the index of records on a disk lies too.
 * A store that goes away meanwhile is left out.
 */
export function cacheManifest(memory: string, codec: CodecName): CacheManifest {
  const levels = namesIn(memory).flatMap((name) => {
    const tier = tierOfCacheFile(name);
    if (tier === null) return [];
    try {
      return [{ tier, ...storeContents(join(memory, name)) }];
    } catch {
      return [];
    }
  });
  return { codec, levels: levels.sort((a, b) => a.depth - b.depth) };
}
