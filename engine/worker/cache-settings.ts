// CacheSettings: what a run says about the cache of its frozen blocks, whatever plan is in force. Whether a plan uses
// the cache, and at which depth, is said by the plan.
import type { CodecName } from '../../cache/codec.js';
import type { TrainConfig } from '../core/config.js';
import { augmentationId } from '../run/run-dataset.js';

export interface CacheSettings {
  readonly codec: CodecName;
  /** Most bytes of all levels in memory, and on the disk. */
  readonly bytes: number;
  readonly diskBytes: number;
  /** Where on a disk records go that memory has no room for, or null. */
  readonly diskFolder: string | null;
  /** Names what is random about the samples; samples with several views have an id for each. */
  readonly augmentation: string;
  /** Whether the run may cache at all. */
  readonly isWanted: boolean;
  /** Whether every hit is computed again and compared. */
  readonly isVerified: boolean;
}

export function cacheSettings(config: TrainConfig, diskFolder: string | null): CacheSettings {
  return {
    codec: config.cacheCodec,
    bytes: config.cacheMb * 2 ** 20,
    diskBytes: config.cacheDiskMb * 2 ** 20,
    diskFolder,
    augmentation: augmentationId(config),
    isWanted: config.cache !== 'off',
    isVerified: config.verifyCache,
  };
}

/** For whoever trains without a cache. */
export const NO_CACHE: CacheSettings = {
  codec: 'f32',
  bytes: 0,
  diskBytes: 0,
  diskFolder: null,
  augmentation: 'none',
  isWanted: false,
  isVerified: false,
};
