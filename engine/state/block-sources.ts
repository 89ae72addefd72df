// BlockSources: where in shared memory the state of every block lies under a plan, each block once. Pure; it names
// files and opens none.
import type { BlockSource } from '../checkpoint/checkpoint.js';
import { present } from '../core/invariant.js';
import { blocksIn, isUpdated, type Plan } from '../core/plan.js';
import { snapshotFile, stateCopyFile, statesFile, weightsFile } from '../dp/memory-names.js';

/**
 * Where a replica has every block: where a worker trains with it, or, for those of which `isCopied` says so, where its
 * copy lies. A block of which nothing is updated has no optimizer states.
 */
export function blockSources(
  plan: Plan,
  replica: number,
  folder: string,
  isCopied: (worker: string) => boolean,
): BlockSource[] {
  const { stages } = present(plan.replicas[replica], `replica ${replica}`);
  const [first] = stages;
  const source = (block: number, worker: string): BlockSource => ({
    block,
    weights: isCopied(worker) ? stateCopyFile(folder, block, 'weights') : weightsFile(folder, worker, block),
    states: !isUpdated(plan, plan.frozen, block)
      ? null
      : isCopied(worker)
        ? stateCopyFile(folder, block, 'states')
        : statesFile(folder, worker, block),
  });
  return [
    ...blocksIn(plan, { from: 0, to: plan.frozen }).map((block) => source(block, present(first, 'stage 0').worker)),
    ...stages.flatMap((stage) => blocksIn(plan, stage).map((block) => source(block, stage.worker))),
  ];
}

/**
 * Where a snapshot has each of `blocks`, those that there were when it was taken; whether something of one was updated
 * then, `hasStates` says.
 */
export const snapshotSources = (
  folder: string,
  version: number,
  blocks: readonly number[],
  hasStates: (block: number) => boolean,
): BlockSource[] =>
  blocks.map((block) => ({
    block,
    weights: snapshotFile(folder, version, block, 'weights'),
    states: !hasStates(block) ? null : snapshotFile(folder, version, block, 'states'),
  }));
