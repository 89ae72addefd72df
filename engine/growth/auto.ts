// Growth by evidence: the model grows when its loss falls by much less per interval than it did at this size. The early
// steps of a small model cost little and learn what any model learns first; what it cannot learn shows in the rate.
import { type GrowPolicy, grows, nextSize } from './policy.js';

/** The improvement over so many intervals is looked at, so that no single noisy one decides. */
const SPAN = 2;
/** The share of the best improvement at this size below which the rate has fallen. */
const FALLEN = 0.07;
/**
 * The last growth comes no later than after this share of the run: what grows late has too few steps left to gain from
 * it (Du et al. 2024 found early growth best at every scale).
 */
const LATEST = 0.35;

export function autoGrowth(): GrowPolicy {
  return {
    name: 'auto',
    everyStep: false,
    decide(input) {
      const { step, totalSteps, sizes, layers, losses } = input;
      const next = nextSize(input);
      const rung = sizes.indexOf(layers) + 1;
      const latest = Math.ceil((totalSteps * LATEST * rung) / (sizes.length - 1));
      if (step >= latest)
        return grows(input, next, `this is step ${step}, and growth ${rung} comes no later than after ${latest}`);
      const falls = losses.slice(SPAN).map((loss, i) => (losses[i] ?? loss) - loss);
      const now = falls.at(-1);
      if (now === undefined || falls.length < 2)
        return grows(
          input,
          layers,
          `after ${losses.length} of at least ${SPAN + 2} intervals no rate can be seen to fall`,
        );
      const best = Math.max(...falls);
      const share = now / best;
      const seen =
        `over the last ${SPAN} intervals the loss ${now < 0 ? 'rose' : 'fell'} by ${Math.abs(now).toFixed(4)}, ` +
        `at best by ${best.toFixed(4)} (limit ${(FALLEN * best).toFixed(4)})`;
      return grows(input, best > 0 && share >= FALLEN ? layers : next, seen);
    },
  };
}
