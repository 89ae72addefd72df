// Names of the shared-memory files of a run. Every worker can tell from (run folder, worker, block or generation) where
// another one keeps what it needs, so no addresses have to be exchanged.
import { join } from 'node:path';

export const weightsFile = (folder: string, worker: string, block: number): string =>
  join(folder, `${worker}.b${block}.weights`);
export const statesFile = (folder: string, worker: string, block: number): string =>
  join(folder, `${worker}.b${block}.states`);
/** The gradients of one stage of a worker. */
export const gradientsFile = (folder: string, worker: string, generation: number, stage: number): string =>
  join(folder, `${worker}.g${generation}.s${stage}.gradients`);
/** Where the upper or lower neighbour of a stage puts its activations (`in`) or its input gradients (`back`). */
export const mailboxFile = (
  folder: string,
  worker: string,
  generation: number,
  stage: number,
  way: 'in' | 'back',
): string => join(folder, `${worker}.g${generation}.s${stage}.${way}`);
/**
 * A snapshot belongs to no worker: it outlives the one that wrote it. Two versions take turns, so that one is always
 * whole.
 */
export const snapshotFile = (folder: string, version: number, block: number, part: 'weights' | 'states'): string =>
  join(folder, `snapshot${version % 2}.b${block}.${part}`);
export const cacheFile = (folder: string, depth: number): string => join(folder, `cache.d${depth}`);
/** The tier of the cache that a file of that folder tells of, or null for other files. */
export const tierOfCacheFile = (name: string): 'memory' | 'disk' | null =>
  /^cache\.d\d+$/.test(name) ? 'memory' : /^cache\.d\d+\.disk$/.test(name) ? 'disk' : null;
/** The state of a block as a checkpoint writes it while training goes on. Like a snapshot it belongs to no worker. */
export const stateCopyFile = (folder: string, block: number, part: 'weights' | 'states'): string =>
  join(folder, `copy.b${block}.${part}`);
/**
 * States and checksums of the records of a level that lie on a disk; the records themselves are in `diskFile` of a
 * folder there.
 */
export const diskIndexFile = (folder: string, depth: number): string => join(folder, `cache.d${depth}.disk`);
export const diskFile = (diskFolder: string, depth: number): string => join(diskFolder, `cache.d${depth}`);
/** The folder of a worker that shares its memory with nobody. */
export const aloneFolder = (folder: string, worker: string): string => join(folder, `${worker}.alone`);
