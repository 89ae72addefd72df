// RunTools: what acts between two steps once the workers are there: the plan in force, checkpoints, validations. Who
// uses them, and when, is the business of the loop, of freezing and of the ending.
import type { PlanAdoption } from './plan-adoption.js';
import type { Saves } from './saves.js';
import type { Validations } from './validations.js';

export interface RunTools {
  readonly adoption: PlanAdoption;
  readonly saves: Saves;
  readonly validations: Validations;
}
