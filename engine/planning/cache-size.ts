// CacheSize: what the cache of a level would hold, what a sample of it costs to read, and what samples cost with it by
// epoch. From the settings and measured rates; whether to cache at all is decided in cache/admission.ts.
import { codecFor } from '../../cache/codec.js';
import type { BlockCost } from '../../pipeline/costs.js';
import { sumCosts } from '../../pipeline/costs.js';
import type { TrainConfig } from '../core/config.js';
import { present } from '../core/invariant.js';
import type { MeasuredRates } from '../costs/measured-rates.js';
import { elementBytes } from '../tensor/shape.js';
import { type CacheForecast, cacheForecast } from './cache-forecast.js';
import type { CacheReads } from './cache-reads.js';

/** What sizes follow from: settings, costs of blocks, and how samples come. */
export interface CacheInputs {
  readonly config: TrainConfig;
  readonly costs: readonly BlockCost[];
  /** Samples of a micro-batch; costs are per micro-batch. */
  readonly microBatch: number;
  readonly rates: Pick<MeasuredRates, 'readMsPerMb' | 'diskReadMsPerMb'>;
  readonly reads: CacheReads;
}

export interface CacheSize {
  readonly recordBytes: number;
  readonly capBytes: number;
  /** Per sample, on average over memory and disk. */
  readonly readMs: number;
}

export function cacheSize({ config, costs, microBatch, rates, reads }: CacheInputs, frozen: number): CacheSize {
  const { numSamples } = reads;
  const { readMsPerMb, diskReadMsPerMb } = rates;
  const activationBytes = present(costs[frozen - 1], 'cost').outputBytes / microBatch;
  const dtype = config.precision === 'bf16' ? 'bfloat16' : 'float32';
  const codec = codecFor(config.cacheCodec, dtype);
  const floats = activationBytes / elementBytes(dtype);
  const recordBytes = 4 * codec.words(floats);
  // Two levels exist while the depth changes.
  const memoryBytes = (config.cacheMb * 2 ** 20) / 2;
  const diskBytes = diskReadMsPerMb === null ? 0 : (config.cacheDiskMb * 2 ** 20) / 2;
  const inMemory = Math.min(numSamples, Math.floor(memoryBytes / recordBytes));
  const onDisk = Math.min(numSamples - inMemory, Math.floor(diskBytes / recordBytes));
  const decodeMs = (present(readMsPerMb[codec.name], 'reads of the codec') * 4 * floats) / 1e6;
  const diskMs = onDisk === 0 ? 0 : ((diskReadMsPerMb ?? 0) * recordBytes) / 1e6;
  return {
    recordBytes,
    capBytes: memoryBytes + diskBytes,
    readMs: decodeMs + (diskMs * onDisk) / Math.max(1, inMemory + onDisk),
  };
}

/**
 * What a sample of the frozen prefix costs with the cache, by epoch. A level that exists already (`before`, or null)
 * serves from the first one.
 */
export function forecastCache(
  options: CacheInputs,
  frozen: number,
  epochs: number,
  before: number | null,
): CacheForecast {
  const { costs, microBatch, reads } = options;
  const { numSamples, numViews = 1 } = reads;
  // A view comes again when all the others have been there.
  const epochsLeft = epochs / (numViews ?? 1);
  const { recordBytes, capBytes, readMs } = cacheSize(options, frozen);
  const computeMs = sumCosts(costs, 0, frozen).forwardMs / microBatch;
  const share = Math.min(1, Math.floor(capBytes / recordBytes) / numSamples);
  if (before === frozen)
    return cacheForecast({
      computeMs,
      newComputeMs: share * readMs + (1 - share) * computeMs,
      readMs,
      writeMs: 0,
      share,
      epochsLeft,
    });
  const newComputeMs =
    before === null || before > frozen
      ? computeMs
      : Math.min(computeMs, cacheSize(options, before).readMs + sumCosts(costs, before, frozen).forwardMs / microBatch);
  return cacheForecast({ computeMs, newComputeMs, readMs, writeMs: readMs, share, epochsLeft });
}
