// RunMemory: the folders of a run that its workers share: the one in shared memory, and the one for cached activations
// that memory has no room for.
import { tmpdir } from 'node:os';
import type { TrainConfig } from '../core/config.js';
import { messageOf, UsageError } from '../core/errors.js';
import type { Plan } from '../core/plan.js';
import { MemoryFolder } from './memory-folder.js';
import { removeOldCaches } from './old-caches.js';

export class RunMemory {
  /** Null where the run has no disk tier. */
  readonly disk: MemoryFolder | null;
  readonly shared: MemoryFolder;

  /** Throws a UsageError (PT_MEMORY_DIR, PT_CACHE_DIR) where a folder cannot be used. */
  constructor(config: TrainConfig) {
    this.disk = openDisk(config);
    try {
      this.shared = new MemoryFolder(config.memoryDir);
    } catch (error) {
      this.disk?.close();
      throw error;
    }
  }

  /** Removes the levels of the cache that a plan reads no more; the memory goes when the workers have unmapped it. */
  removeOldCaches(plan: Plan): void {
    for (const folder of [this.shared, this.disk]) if (folder !== null) removeOldCaches(folder.path, plan);
  }

  close(): void {
    this.shared.close();
    this.disk?.close();
  }
}

function openDisk({ cacheDiskMb, cacheDir }: TrainConfig): MemoryFolder | null {
  if (cacheDiskMb === 0) return null;
  const parent = cacheDir ?? tmpdir();
  try {
    return new MemoryFolder(parent);
  } catch (error) {
    const cause = error instanceof UsageError ? error.cause : error;
    throw new UsageError(
      'PT_CACHE_DIR',
      `no folder for the cache can be made in ${parent}: ${messageOf(cause)}`,
      'Pass --cache-dir with a folder that exists and is writable, or --cache-disk-mb 0.',
      { cause: error },
    );
  }
}
