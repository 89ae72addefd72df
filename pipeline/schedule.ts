// Schedule: for every stage of one pipeline the ordered actions of a step. Pure data; it knows no times (simulate.ts), no tensors and no workers' names.
import { invariant } from '../engine/core/invariant.js';
import type { Action } from './action.js';

export interface Schedule {
  readonly name: string;
  /** K, the pipeline length. */
  readonly stages: number;
  /** M, micro-batches of the replica in a step. */
  readonly micros: number;
  /** One ordered list per stage. */
  readonly workers: readonly (readonly Action[])[];
}

/** A schedule from the rule of one stage. K and M are positive integers. */
export function scheduleOf(name: string, stages: number, micros: number, actionsOf: (stage: number) => readonly Action[]): Schedule {
  invariant(Number.isInteger(stages) && stages > 0, () => `schedule ${name}: K=${stages} is not a positive integer`);
  invariant(Number.isInteger(micros) && micros > 0, () => `schedule ${name}: M=${micros} is not a positive integer`);
  return { name, stages, micros, workers: Array.from({ length: stages }, (_, stage) => actionsOf(stage)) };
}

/** Actions of one kind for the micro-batches [from, to), ascending. */
export const ascending = (stage: number, kind: Action['kind'], from: number, to: number): Action[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ stage, kind, micro: from + i }));
