// Names of the shared-memory files of a run. Every worker can tell from (run folder, worker, block or generation) where another one keeps what
// it needs, so no addresses have to be exchanged.
import { join } from 'node:path';

export const weightsFile = (folder: string, worker: string, block: number): string => join(folder, `${worker}.b${block}.weights`);
export const statesFile = (folder: string, worker: string, block: number): string => join(folder, `${worker}.b${block}.states`);
export const gradientsFile = (folder: string, worker: string, generation: number): string => join(folder, `${worker}.g${generation}.gradients`);
/** Where the upper or lower neighbour of a stage puts its activations (`in`) or its input gradients (`back`). */
export const mailboxFile = (folder: string, worker: string, generation: number, way: 'in' | 'back'): string => join(folder, `${worker}.g${generation}.${way}`);
/** A snapshot belongs to no worker: it outlives the one that wrote it. Two versions take turns, so that one is always whole. */
export const snapshotFile = (folder: string, version: number, block: number, part: 'weights' | 'states'): string => join(folder, `snapshot${version % 2}.b${block}.${part}`);
export const cacheFile = (folder: string, depth: number): string => join(folder, `cache.d${depth}`);
