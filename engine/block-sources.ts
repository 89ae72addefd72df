// BlockSources: where in shared memory the state of every block lies under a plan, each block once. Pure; it names files and opens none.
import type { BlockSource } from './checkpoint.js';
import { present } from './core/invariant.js';
import { statesFile, stateCopyFile, weightsFile } from './dp/memory-names.js';
import type { Plan } from './plan.js';

/** `live`: what replica 0 trains with. `copy`: what it copied for a checkpoint. A frozen block has no optimizer states. */
export function blockSources({ replicas, frozen }: Plan, folder: string, kind: 'live' | 'copy'): BlockSource[] {
  const { stages } = present(replicas[0], 'replica 0');
  const [first] = stages;
  const source = (block: number, worker: string, trains: boolean): BlockSource => ({
    block,
    weights: kind === 'live' ? weightsFile(folder, worker, block) : stateCopyFile(folder, block, 'weights'),
    states: !trains ? null : kind === 'live' ? statesFile(folder, worker, block) : stateCopyFile(folder, block, 'states'),
  });
  return [
    ...Array.from({ length: frozen }, (_, block) => source(block, present(first, 'stage 0').worker, false)),
    ...stages.flatMap(({ worker, from, to }) => Array.from({ length: to - from }, (_, i) => source(from + i, worker, true))),
  ];
}
