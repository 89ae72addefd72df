// Measured costs: what a worker measured per block, completed with the sizes that follow from the model and the
// optimizer. It measures nothing.
import type { BlockCost } from '../../pipeline/costs.js';
import { present } from '../core/invariant.js';
import type { ReportOf } from '../protocol/messages.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import type { RunSetup } from '../run/run-setup.js';
import { stateCount } from '../tensor/optimizer.js';

/** The costs of all blocks, in order. */
export function measuredCosts(
  { config, layouts, model }: RunSetup,
  { blocks }: Pick<ReportOf<'costs'>, 'blocks'>,
): BlockCost[] {
  const numStates = stateCount(optimizerSpec(config));
  return blocks.map(({ copyBytes, ...cost }, index) => {
    const bytes = 4 * present(layouts[index], 'layout').length;
    return {
      ...cost,
      name: present(model.blocks[index], 'block').name,
      parameterBytes: bytes + copyBytes,
      optimizerBytes: bytes * numStates,
    };
  });
}
