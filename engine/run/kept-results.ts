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

/**
 * The folder, or null where what lies in it could be somebody else's: programs that are run are taken from there.
 * `onProblem` is told so.
 */
export function trustedFolder(folder: string | null, onProblem: (problem: string) => void): string | null {
  const problem = folder === null ? null : new DiskCache(folder, 0).problem;
  if (problem === null) return folder;
  onProblem(`no compiled programs are taken from or kept in --program-cache: ${problem}; name a folder of your own`);
  return null;
}

/** The results kept in a folder; null where nothing is kept, or this code cannot be named. */
export function openKeptResults(folder: string | null, capMb: number): KeptResults | null {
  const code = folder === null ? null : codeDigest();
  return folder === null || code === null ? null : { disk: new DiskCache(folder, capMb * 2 ** 20), codeDigest: code };
}

/**
 * All that decides what a built-in model computes, besides the code; null for models that somebody plugged in, whose
 * code may depend on anything. Which tokens the ids stand for changes nothing of it.
 */
export function builtInIdentity({ model, modelOptions, labelSmoothing }: TrainConfig, data: DataInfo): string | null {
  return builtInModel(model) === null
    ? null
    : JSON.stringify([model, modelOptions, labelSmoothing, { ...data, tokenizer: null }]);
}
