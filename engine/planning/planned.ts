// What is asked of a planning function and what it answers, in words where it is told. It holds no rule of planning.
import type { PipelineChoice } from '../../pipeline/choice.js';
import type { Plan, PlannedGrowth } from '../core/plan.js';
import type { RunEventBody } from '../events/events.js';
import type { PlanHistory } from './plan-history.js';

/** What the next plan has to respect. */
export interface PlanRequest {
  /** Blocks. */
  readonly frozen: number;
  readonly frozenLayers: number;
  /** What of a model that grows is there and what is new; absent: all of it, and it was. */
  readonly growth?: PlannedGrowth;
  /** Epochs that are left: how often a cached sample will be read. */
  readonly epochsLeft: number;
  /** Why a new plan is needed, one clause. */
  readonly because: string;
  /** Where all state comes from, where the workers do not have it. */
  readonly restore?: Plan['restore'];
}

/** The clause for a plan that is made because so many layers are frozen from now on. */
export const becauseFrozen = (layers: number): string =>
  layers === 1 ? '1 layer is frozen' : `${layers} layers are frozen`;

export interface Planned {
  readonly plan: Plan;
  readonly event: Extract<RunEventBody, { type: 'plan.made' }>;
  /** What the planner said, the alternatives included. */
  readonly choice: PipelineChoice;
  readonly cacheReason: string;
  /** With this plan in it; for whoever has it adopted. */
  readonly history: PlanHistory;
}
