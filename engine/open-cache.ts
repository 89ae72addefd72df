// Opens the activation cache of a plan: the level of its frozen depth and, where there is one, the level before. All workers of the host that
// begin a pipeline share the same stores; whoever comes first makes them.
import { existsSync } from 'node:fs';
import { ActivationCache } from '../cache/activation-cache.js';
import { levelDigest, weightsDigest } from '../cache/key.js';
import { ActivationStore } from '../cache/memory-tier.js';
import { present } from './core/invariant.js';
import { cacheFile } from './dp/memory-names.js';
import { sizeOf, type Shape } from './tensor/shape.js';

export interface CacheRequest {
  readonly folder: string;
  /** Output shape of every block, first axis the micro-batch. */
  readonly shapes: readonly Shape[];
  readonly numSamples: number;
  readonly capBytes: number;
  readonly weights: (block: number) => Float32Array;
  readonly depth: number;
  readonly previousDepth: number | null;
  readonly onOff: (reason: string) => void;
}

/** Null where the memory of the store cannot be had: training goes on without a cache, and `onOff` tells why. */
export function openCache(request: CacheRequest): ActivationCache | null {
  const { folder, previousDepth, onOff } = request;
  try {
    const current = attach(request, request.depth);
    const hasPrevious = previousDepth !== null && existsSync(cacheFile(folder, previousDepth));
    return new ActivationCache({ current, previous: hasPrevious ? attach(request, previousDepth) : undefined, onOff });
  } catch (error) {
    onOff(error instanceof Error ? error.message : String(error));
    return null;
  }
}

function attach({ folder, shapes, numSamples, capBytes, weights }: CacheRequest, depth: number): ActivationStore {
  const shape = present(shapes[depth - 1], `output shape of block ${depth - 1}`);
  return ActivationStore.attach(cacheFile(folder, depth), {
    recordFloats: sizeOf(shape.slice(1)),
    numSamples,
    // Two levels exist while the depth changes; together they keep to the cap.
    capBytes: capBytes / 2,
    depth,
    digest: levelDigest({
      depth,
      weights: weightsDigest(Array.from({ length: depth }, (_, block) => weights(block))),
      augmentation: 'none',
      codec: 'f32',
    }),
  });
}
