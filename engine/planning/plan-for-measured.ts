// planForMeasured: a plan for costs that steps have corrected. Pure, as nextPlan.
import { stepMsOf } from '../../pipeline/step-time.js';
import { makePlan } from './make-plan.js';
import { askedShape } from './next-plan.js';
import type { PlanBasis } from './plan-basis.js';
import { admitCache } from './plan-cache.js';
import type { PlanHistory } from './plan-history.js';
import type { Planned, PlanRequest } from './planned.js';
import { chooseWithin, plannerInput, unlessAuto } from './planner-input.js';

/** Share of the step time that a change must save where measurement has just shown that predictions may be wrong. */
const WORTH_A_CORRECTION = 0.1;

/**
 * A better plan now that steps have shown what the blocks really cost, which is what the basis says, or null where none
 * is predicted to be faster by enough. `measuredMs` is the whole step; what the corrected costs do not explain of it is
 * taken to be the same in every shape.
 */
export function planForMeasured(
  basis: PlanBasis,
  history: PlanHistory,
  measuredMs: number,
  request: PlanRequest,
): Planned | null {
  const { config, crew } = basis;
  const { frozen } = request;
  const now = history.choice;
  if (config.dp === 'off' || !config.exact || history.corrected.includes(frozen)) return null;
  const asked =
    frozen === 0
      ? askedShape(basis, history)
      : ({ pipeline: 'auto', replicas: config.dp === 'pipe' ? now.R : 'auto' } as const);
  const cache = admitCache(basis, history, request);
  const input = {
    ...plannerInput(basis, history, request, cache.isOn),
    shape: {
      fixedK: unlessAuto(asked.pipeline),
      fixedR: unlessAuto(asked.replicas),
      maxK: frozen === 0 ? null : now.K,
    },
  };
  const limit = frozen === 0 ? crew.memoryLimit : (history.startMemory ?? crew.memoryLimit);
  const choice = chooseWithin(limit, input);
  const nowMs = stepMsOf(input, now);
  const restMs = Math.max(0, measuredMs - nowMs);
  if (restMs + choice.predictedStepMs > (restMs + nowMs) * (1 - WORTH_A_CORRECTION)) return null;
  const once = { ...history, corrected: [...history.corrected, frozen] };
  return makePlan(basis, once, request, choice, cache);
}
