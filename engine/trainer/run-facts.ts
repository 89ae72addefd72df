// RunFacts of a run: what follows from its setup for the reports of its workers. It checks none.
import { shareOf } from '../events/sample-share.js';
import { statisticsWidth } from '../metrics/sample-statistics.js';
import type { RunFacts } from '../protocol/expected-report.js';
import type { RunSetup } from '../run/run-setup.js';

/** Asked often, so made once. */
export function factsOf({ layouts, sampler, dataset, model }: RunSetup): () => RunFacts {
  // All workers tell of the same step.
  let drawn: { readonly step: number; readonly ids: Int32Array } = { step: -1, ids: new Int32Array() };
  const idsOf = (step: number): Int32Array => {
    if (drawn.step !== step) drawn = { step, ids: sampler.batchAt(step).ids };
    return drawn.ids;
  };
  const facts: RunFacts = {
    lengths: layouts.map(({ length }) => length),
    numValidation: dataset.numValidation,
    statisticsWidth: statisticsWidth(model),
    shareAt: (step, from, to) => shareOf(idsOf(step), from, to),
  };
  return () => facts;
}
