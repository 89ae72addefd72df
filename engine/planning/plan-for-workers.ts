// Plans for other workers than before: some were lost or left, or more have come. Pure, as nextPlan.
import { makePlan } from './make-plan.js';
import { askedShape, isOtherModel } from './next-plan.js';
import type { PlanBasis } from './plan-basis.js';
import { admitCache } from './plan-cache.js';
import type { PlanHistory } from './plan-history.js';
import type { Planned, PlanRequest } from './planned.js';
import { chooseWithin, inExactness, plannerInput, unlessAuto } from './planner-input.js';

/** Share of the step time that a change of plan nobody has to make must save. */
const WORTH_A_TRANSITION = 0.03;

/**
 * The plan for the workers of the basis, of which some are gone. The shape stays where they are enough for it; else the
 * best one for those that are left, even where it needs more memory than the run began with: a run that goes on is
 * worth more than a limit of its own.
 */
export function planForFewer(basis: PlanBasis, history: PlanHistory, request: PlanRequest): Planned {
  const { config, crew } = basis;
  const { K, R } = history.choice;
  const cache = admitCache(basis, history, request);
  const input = plannerInput(basis, history, request, cache.isOn);
  const numBlocks = input.model.costs.length - request.frozen;
  const fits = K * R <= crew.workers.length && K <= numBlocks && !isOtherModel(history.current, request);
  // Where the run goes back to a model that was smaller, the shape is none of that one.
  const asked = isOtherModel(history.current, request) ? askedShape(basis, history) : null;
  const shape = {
    fixedK: fits ? K : unlessAuto(asked?.pipeline ?? 'auto'),
    fixedR: fits ? R : unlessAuto(asked?.replicas ?? 'auto'),
    maxK: null,
    fixedBecause: 'the shape stays as it was',
  };
  const choice = chooseWithin(crew.memoryLimit, { ...input, shape });
  return makePlan(basis, history, request, inExactness(config, choice), cache);
}

/**
 * A better plan now that others are among the workers of the basis, or null where none is predicted to be faster by
 * more than a transition is worth; then the new ones are spares. A shape that was asked for is kept until freezing has
 * changed it.
 */
export function planForMore(basis: PlanBasis, history: PlanHistory, request: PlanRequest): Planned | null {
  const { config, crew } = basis;
  const now = history.choice;
  const isGiven = request.frozen === 0;
  const fixedK = isGiven ? unlessAuto(config.pipeline) : null;
  const fixedR = isGiven ? unlessAuto(config.replicas) : null;
  if (config.dp === 'off' || (fixedK ?? 1) * (fixedR ?? 1) > crew.workers.length) return null;
  const cache = admitCache(basis, history, request);
  const input = plannerInput(basis, history, request, cache.isOn);
  const maxK = config.pipeline === 'auto' ? null : now.K;
  const before = chooseWithin(crew.memoryLimit, { ...input, shape: { fixedK: now.K, fixedR: now.R, maxK } });
  const choice = chooseWithin(crew.memoryLimit, { ...input, shape: { fixedK, fixedR, maxK } });
  if (choice.predictedStepMs > before.predictedStepMs * (1 - WORTH_A_TRANSITION)) return null;
  return makePlan(basis, history, request, inExactness(config, choice), cache);
}
