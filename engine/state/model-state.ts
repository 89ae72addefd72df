// ModelState of a run: which arrays the state of its model consists of, for the depot. It holds none of them.
import { join } from 'node:path';
import { loadBlock, statesIn } from '../checkpoint/checkpoint.js';
import { present } from '../core/invariant.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import type { RunSetup } from '../run/run-setup.js';
import { stateElements, stateLayouts } from '../tensor/optimizer.js';
import type { ModelState } from './depot.js';

/** `checkpoints` is the folder of the checkpoints of the run. */
export function modelStateOf({ config, model, layouts }: RunSetup, checkpoints: string): ModelState {
  const spec = optimizerSpec(config);
  return {
    lengths: layouts.map(({ length }) => length),
    stateLengths: layouts.map((layout) => stateElements(spec, layout)),
    load: (name, index) => {
      const layout = present(layouts[index], `layout of block ${index}`);
      const weights = new Float32Array(layout.length);
      const states = new Float32Array(stateElements(spec, layout));
      const parts = stateLayouts(spec, layout);
      loadBlock(join(checkpoints, name), index, model, layout, weights, statesIn(states, parts));
      return { weights, states };
    },
  };
}
