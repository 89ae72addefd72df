// SeatingOptions: what a seat in one plan is made from: the plan, the equipment of the worker, its neighbours.
import type { Plan, Seat } from '../core/plan.js';
import type { Shape } from '../tensor/shape.js';
import type { CacheSettings } from './cache-settings.js';
import type { Device, Place, Subject } from './equipment.js';
import type { Neighbours } from './neighbours.js';

export interface SeatingOptions {
  readonly plan: Plan;
  readonly seat: Seat;
  readonly subject: Subject;
  readonly device: Device;
  readonly place: Place;
  readonly neighbours: Neighbours;
  /** Output shape of every block, first axis the micro-batch of the plan. */
  readonly shapes: readonly Shape[];
  readonly cache: CacheSettings & {
    /** Told why training goes on without the cache that the plan uses. */
    readonly onOff: (reason: string) => void;
  };
}
