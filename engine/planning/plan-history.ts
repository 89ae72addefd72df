// PlanHistory: what the next plan must know of those before it. A value: making a plan gives a new one, and whoever
// drops that has only looked ahead. Which plan the workers have adopted is told by who keeps it.
import type { PipelineChoice } from '../../pipeline/choice.js';
import type { Plan } from '../core/plan.js';

/** A shape, and how many blocks were frozen when it was chosen. */
export interface PastShape {
  readonly frozen: number;
  readonly K: number;
  readonly R: number;
}

export interface PlanHistory {
  /** The plan with which the run began. */
  readonly first: Plan;
  readonly current: Plan;
  /** What the planner said about the current one. */
  readonly choice: PipelineChoice;
  /** Shapes by what was frozen, deepest last: what a smaller depth goes back to. */
  readonly shapes: readonly PastShape[];
  /**
   * M0: bytes of the largest stage at the start of a run whose pipeline length was given (PipeTransformer, Eq. 2); null
   * where it was chosen.
   */
  readonly startMemory: number | null;
  /** Depths at which a measurement has changed the plan: once each, so that two shapes cannot take turns. */
  readonly corrected: readonly number[];
}

/** The history after one more plan; `before` is null where it is the first. */
export function extended(before: PlanHistory | null, current: Plan, choice: PipelineChoice): PlanHistory {
  const { K, R } = choice;
  const { frozen } = current;
  return {
    first: before?.first ?? current,
    current,
    choice,
    shapes: [...(before?.shapes ?? []).filter((shape) => shape.frozen < frozen), { frozen, K, R }],
    startMemory: before?.startMemory ?? null,
    // Of a model that has become more nothing was measured yet.
    corrected: (current.growth?.born ?? []).length > 0 ? [] : (before?.corrected ?? []),
  };
}

/** Frozen blocks whose outputs the cache holds, or null. */
export function cachedDepth(history: PlanHistory | null): number | null {
  return history?.current.usesCache === true ? history.current.frozen : null;
}

/**
 * Where less is frozen than before: the shape it had then, which was planned without knowing better; null where it has
 * no workers any more.
 */
export function earlierShape(history: PlanHistory | null, frozen: number, numWorkers: number): PastShape | null {
  if (history === null || frozen >= history.current.frozen) return null;
  const shape = history.shapes.findLast((one) => one.frozen <= frozen);
  return shape !== undefined && shape.K * shape.R <= numWorkers ? shape : null;
}
