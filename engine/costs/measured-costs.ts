// Measured costs: what a worker measured per block, completed with the sizes that follow from the model and the
// optimizer. It measures nothing.
import type { BlockCost } from '../../pipeline/costs.js';
import { present } from '../core/invariant.js';
import { sharedParameters } from '../model/shared-parameters.js';
import type { ReportOf } from '../protocol/messages.js';
import { optimizerSpec } from '../run/optimizer-spec.js';
import type { RunSetup } from '../run/run-setup.js';
import { stateElements } from '../tensor/optimizer.js';

/** The costs of all blocks, in order. */
export function measuredCosts(
  { config, layouts, model }: RunSetup,
  { blocks }: Pick<ReportOf<'costs'>, 'blocks'>,
): BlockCost[] {
  const spec = optimizerSpec(config);
  const shared = sharedParameters(model.blocks).flat();
  return blocks.map(({ copyBytes, ...cost }, index) => {
    const layout = present(layouts[index], 'layout');
    const optimizerBytes = 4 * stateElements(spec, layout);
    const isShared = ({ name }: { readonly name: string }): boolean =>
      shared.some((place) => place.block === index && place.name === name);
    const sumBytes = 4 * layout.entries.filter(isShared).reduce((sum, { size }) => sum + size, 0);
    return {
      ...cost,
      gradientBytes: cost.gradientBytes + sumBytes,
      ...(sumBytes === 0 ? {} : { frozenBytes: optimizerBytes + sumBytes }),
      name: present(model.blocks[index], 'block').name,
      parameterBytes: 4 * layout.length + copyBytes,
      optimizerBytes,
    };
  });
}
