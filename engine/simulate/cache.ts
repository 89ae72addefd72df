// SimulatedCache: what the frozen part of a sample costs in an epoch, computed or read, and which levels the cache
// holds. Two sets of rules: the paper's (every level kept, written from three layers on) and ours (admission by time,
// two levels at most).
import { shouldCache } from '../../cache/admission.js';
import type { HardwareProfile } from './hardware.js';
import type { SimulatedModel } from './model.js';

/**
 * What one process of the released code reads and writes, GB/s: fitted to the throughput with everything frozen and
 * cached (Fig. 9, epochs 8 and 9) and to the loss while the cache fills (Fig. 12, epochs 1 to 3).
 */
export const PAPER_READ_GBS = 0.28;
export const PAPER_WRITE_GBS = 0.7;
/** Frozen layers from which the released code caches, whatever the model. */
export const PAPER_CACHE_FROM = 3;
/** Share of the host memory that the released code fills. */
const PAPER_CACHE_SHARE = 0.65;

/** Per sample, milliseconds. */
export interface CacheRates {
  readonly readMs: number;
  readonly writeMs: number;
}

/** The state between two epochs. */
export interface CacheState {
  /** Frozen blocks at the newest level, or null. */
  readonly level: number | null;
  /** Share of the samples it holds. */
  readonly share: number;
  /** Bytes of all levels. */
  readonly bytes: number;
}

export const EMPTY_CACHE: CacheState = { level: null, share: 0, bytes: 0 };

export interface CacheEpoch {
  readonly state: CacheState;
  readonly mode: 'off' | 'fill' | 'read';
  /** The frozen part of a sample in this epoch. */
  readonly sampleMs: number;
  /** The same once the level is filled; null without a cache. */
  readonly steadyMs: number | null;
}

export interface CacheRequest {
  readonly model: SimulatedModel;
  readonly frozen: number;
  readonly frozenLayers: number;
  /** Forward of the blocks [from, to) per sample. */
  readonly forwardMs: (from: number, to: number) => number;
  readonly rates: CacheRates;
  readonly samples: number;
  /** Epochs left, this one included. */
  readonly epochsLeft: number;
  /** Bytes of cache over all machines. */
  readonly capBytes: number;
  readonly before: CacheState;
}

export const recordBytes = (model: SimulatedModel, frozen: number): number =>
  4 * (model.blocks[frozen - 1]?.output ?? 0);

export const paperRates = (bytes: number): CacheRates => ({
  readMs: bytes / (PAPER_READ_GBS * 1e6),
  writeMs: bytes / (PAPER_WRITE_GBS * 1e6),
});

/**
 * Ours: checked and copied in host memory, which the readers of a machine share, then sent to the device; writing is
 * the way back.
 */
export function ourRates(hardware: HardwareProfile, bytes: number, readersPerMachine: number): CacheRates {
  const { hostCopyGBs, hostLinkGBs } = hardware;
  const ms = (2 * bytes) / ((hostCopyGBs / Math.max(1, readersPerMachine)) * 1e6) + bytes / (hostLinkGBs * 1e6);
  return { readMs: ms, writeMs: ms };
}

/** The paper caches from a fixed depth on and never deletes a level; what does not fit is computed. */
export function paperCache(request: CacheRequest, hardware: HardwareProfile): CacheEpoch {
  const level = request.samples * recordBytes(request.model, request.frozen);
  const room = PAPER_CACHE_SHARE * hardware.hostGB * 1e9 * hardware.machines - request.before.bytes;
  const share = Math.max(0, Math.min(1, room / level));
  return cacheEpoch(request, request.frozenLayers >= PAPER_CACHE_FROM, share, request.before.bytes + share * level);
}

/**
 * Ours caches where that pays (cache/admission.ts); the old level goes when the new one is full, so that half of the
 * room is for each.
 */
export function ourCache(request: CacheRequest): CacheEpoch {
  const { model, frozen, rates, samples, capBytes, forwardMs } = request;
  const bytes = recordBytes(model, frozen);
  const admission = shouldCache({
    recomputeMs: forwardMs(0, frozen),
    ...rates,
    expectedReads: request.epochsLeft - 1,
    recordBytes: bytes,
    numSamples: samples,
    capBytes: capBytes / 2,
  });
  return cacheEpoch(request, admission.isOn, admission.cachedSamples / samples, admission.cachedSamples * bytes);
}

function cacheEpoch(
  { frozen, forwardMs, rates, before }: CacheRequest,
  isOn: boolean,
  share: number,
  bytes: number,
): CacheEpoch {
  const computeMs = forwardMs(0, frozen);
  const mixed = (part: number, hitMs: number): number => part * hitMs + (1 - part) * computeMs;
  if (before.level === frozen && before.share > 0) {
    const ms = mixed(before.share, rates.readMs);
    return { state: before, mode: 'read', sampleMs: ms, steadyMs: ms };
  }
  if (!isOn || share === 0) return { state: before, mode: 'off', sampleMs: computeMs, steadyMs: null };
  // The output of the level before is read, and only the layers that froze since are computed.
  const fromBefore =
    before.level === null
      ? computeMs
      : mixed(before.share, Math.min(computeMs, rates.readMs + forwardMs(before.level, frozen)));
  return {
    state: { level: frozen, share, bytes },
    mode: 'fill',
    sampleMs: fromBefore + share * rates.writeMs,
    steadyMs: mixed(share, rates.readMs),
  };
}
