// ModelState of a run: which arrays the state of its model consists of, for the depot. It holds none of them.
import { join } from 'node:path';
import { loadBlock } from '../checkpoint/checkpoint.js';
import { present } from '../core/invariant.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import type { RunSetup } from '../run/run-setup.js';
import { stateCount } from '../tensor/optimizer.js';
import type { ModelState } from './depot.js';

/** `checkpoints` is the folder of the checkpoints of the run. */
export function modelStateOf({ config, model, layouts }: RunSetup, checkpoints: string): ModelState {
  const numStates = stateCount(optimizerSpec(config));
  return {
    lengths: layouts.map(({ length }) => length),
    numStates,
    load: (name, index) => {
      const layout = present(layouts[index], `layout of block ${index}`);
      const weights = new Float32Array(layout.length);
      const states = new Float32Array(numStates * layout.length);
      loadBlock(
        join(checkpoints, name),
        index,
        model,
        layout,
        weights,
        Array.from({ length: numStates }, (_, i) => states.subarray(i * layout.length, (i + 1) * layout.length)),
      );
      return { weights, states };
    },
  };
}
