// Where what outlives a run is kept: compiled programs and measured costs. It says which folder; what is in it is the
// business of those who put it there.
import type { TrainConfig } from '../core/config.js';
import { DiskCache } from '../core/disk-cache.js';
import type { DataInfo } from '../data/dataset.js';
import { builtInModel } from '../model/registry.js';
import { codeDigest } from '../tensor/code-digest.js';
import type { KeptResults } from '../tensor/program-shelf.js';

/** The folder that a configuration asks for, or null; `standard` is the one of this user, null where there is none. */
export function programCacheFolder({ programCache }: TrainConfig, standard: string | null): string | null {
  if (programCache === 'off') return null;
  return programCache === 'auto' ? standard : programCache;
}

/** The results kept in a folder; null where nothing is kept, or this code cannot be named. */
export function openKeptResults(folder: string | null, capMb: number): KeptResults | null {
  const code = folder === null ? null : codeDigest();
  return folder === null || code === null ? null : { disk: new DiskCache(folder, capMb * 2 ** 20), codeDigest: code };
}

/**
 * All that decides what a built-in model computes, besides the code; null for models that somebody plugged in, whose
 * code may depend on anything.
 */
export function builtInIdentity({ model, modelOptions }: TrainConfig, data: DataInfo): string | null {
  return builtInModel(model) === null ? null : JSON.stringify([model, modelOptions, data]);
}
