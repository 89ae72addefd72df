// BlockSources: where in shared memory the state of every block lies under a plan, each block once. Pure; it names
// files and opens none.
import type { BlockSource } from '../checkpoint/checkpoint.js';
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import { snapshotFile, stateCopyFile, statesFile, weightsFile } from '../dp/memory-names.js';

/**
 * Where a replica has every block: where a worker trains with it, or, for those of which `isCopied` says so, where its
 * copy lies. A frozen block has no optimizer states.
 */
export function blockSources(
  { replicas, frozen }: Plan,
  replica: number,
  folder: string,
  isCopied: (worker: string) => boolean,
): BlockSource[] {
  const { stages } = present(replicas[replica], `replica ${replica}`);
  const [first] = stages;
  const source = (block: number, worker: string, trains: boolean): BlockSource => ({
    block,
    weights: isCopied(worker) ? stateCopyFile(folder, block, 'weights') : weightsFile(folder, worker, block),
    states: !trains
      ? null
      : isCopied(worker)
        ? stateCopyFile(folder, block, 'states')
        : statesFile(folder, worker, block),
  });
  return [
    ...Array.from({ length: frozen }, (_, block) => source(block, present(first, 'stage 0').worker, false)),
    ...stages.flatMap(({ worker, from, to }) =>
      Array.from({ length: to - from }, (_, i) => source(from + i, worker, true)),
    ),
  ];
}

/** Where a snapshot has every block, of which the first `frozen` had no optimizer states when it was taken. */
export const snapshotSources = (folder: string, version: number, numBlocks: number, frozen: number): BlockSource[] =>
  Array.from({ length: numBlocks }, (_, block) => ({
    block,
    weights: snapshotFile(folder, version, block, 'weights'),
    states: block < frozen ? null : snapshotFile(folder, version, block, 'states'),
  }));
