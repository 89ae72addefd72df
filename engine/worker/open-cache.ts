// Opens the activation cache of a plan: the level of its frozen depth and, where there is one, the level before. All
// workers of the host that begin a pipeline share the same stores; whoever comes first makes them.
import { existsSync } from 'node:fs';
import { ActivationCache } from '../../cache/activation-cache.js';
import { ActivationStore } from '../../cache/activation-store.js';
import type { ActivationTier } from '../../cache/activation-tier.js';
import { codecFor } from '../../cache/codec.js';
import { levelDigest, weightsDigest } from '../../cache/key.js';
import { StackedTiers } from '../../cache/stacked-tiers.js';
import { messageOf } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { cacheFile, diskFile, diskIndexFile } from '../dp/memory-names.js';
import { type PortDType, type Shape, sizeOf } from '../tensor/shape.js';
import type { CacheSettings } from './cache-settings.js';

export interface CacheRequest {
  readonly settings: CacheSettings;
  /** Where the stores lie in memory. */
  readonly folder: string;
  /** Output shape of every block, first axis the micro-batch. */
  readonly shapes: readonly Shape[];
  /** Element type of the output of a block. */
  readonly dtypeOf: (block: number) => PortDType;
  readonly numSamples: number;
  readonly weights: (block: number) => Float32Array;
  readonly depth: number;
  readonly previousDepth: number | null;
  readonly onOff: (reason: string) => void;
}

/**
 * Null where the memory or the disk of the store cannot be had: training goes on without a cache, and `onOff` tells
 * why.
 */
export function openCache(request: CacheRequest): ActivationCache | null {
  const { settings, folder, previousDepth, onOff } = request;
  try {
    const current = attach(request, request.depth);
    // What a lossy record lost, the blocks in between would carry on: the numbers would depend on what happened to be
    // cached.
    const hasPrevious =
      previousDepth !== null &&
      codecFor(settings.codec, request.dtypeOf(previousDepth - 1)).isExact &&
      existsSync(cacheFile(folder, previousDepth));
    return new ActivationCache({ current, previous: hasPrevious ? attach(request, previousDepth) : undefined, onOff });
  } catch (error) {
    onOff(messageOf(error));
    return null;
  }
}

function attach(request: CacheRequest, depth: number): ActivationTier {
  const { settings, folder, shapes, numSamples, weights } = request;
  const { diskFolder, augmentation } = settings;
  const codec = codecFor(settings.codec, request.dtypeOf(depth - 1)).name;
  const shape = present(shapes[depth - 1], `output shape of block ${depth - 1}`);
  const digest = levelDigest({
    depth,
    weights: weightsDigest(Array.from({ length: depth }, (_, block) => weights(block))),
    augmentation,
    codec,
  });
  const level = { recordFloats: sizeOf(shape.slice(1)), numSamples, depth, digest, codec };
  // Two levels exist while the depth changes; together they keep to the caps.
  const memory = ActivationStore.attach(cacheFile(folder, depth), { ...level, capBytes: settings.bytes / 2 });
  if (diskFolder === null || memory.capacity >= numSamples) return memory;
  try {
    const disk = diskFile(diskFolder, depth);
    return new StackedTiers([
      memory,
      ActivationStore.attach(diskIndexFile(folder, depth), {
        ...level,
        firstSample: memory.capacity,
        capBytes: settings.diskBytes / 2,
        disk,
      }),
    ]);
  } catch (error) {
    memory.close();
    throw error;
  }
}
