// Names of the shared-memory files of a run. Every worker can tell from (run folder, worker, block or generation) where another one keeps what
// it needs, so no addresses have to be exchanged.
import { join } from 'node:path';

export const weightsFile = (folder: string, worker: string, block: number): string => join(folder, `${worker}.b${block}.weights`);
export const statesFile = (folder: string, worker: string, block: number): string => join(folder, `${worker}.b${block}.states`);
export const gradientsFile = (folder: string, worker: string, generation: number): string => join(folder, `${worker}.g${generation}.gradients`);
/** Where the upper or lower neighbour of a stage puts its activations (`in`) or its input gradients (`back`). */
export const mailboxFile = (folder: string, worker: string, generation: number, way: 'in' | 'back'): string => join(folder, `${worker}.g${generation}.${way}`);
export const cacheFile = (folder: string, depth: number): string => join(folder, `cache.d${depth}`);
