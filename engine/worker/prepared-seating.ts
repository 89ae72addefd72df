// PreparedSeating: a seat in a plan that is not in force yet: compiled, with the memory that others will map, but not
// connected to theirs. Activating it makes it a Seating.
import { workersByStage } from '../../pipeline/schedule.js';
import { StepRunner } from '../../pipeline/step-runner.js';
import { present } from '../core/invariant.js';
import { replicaSchedule } from '../protocol/plan-schedule.js';
import { Seating } from './seating.js';
import type { SeatingOptions } from './seating-options.js';
import { StageSeat } from './stage-seat.js';

export class PreparedSeating {
  readonly #options: SeatingOptions;
  readonly #stages: readonly StageSeat[];

  constructor(options: SeatingOptions) {
    this.#options = options;
    this.#stages = options.seat.own.map((stage) => new StageSeat(options, stage));
  }

  /** Everybody's memory exists now: connects to it. The seating that comes out is the one to close from then on. */
  async activate(): Promise<Seating> {
    const { plan, seat, neighbours } = this.#options;
    await neighbours.reach([...new Set(this.#stages.flatMap(({ contacts }) => contacts))]);
    const schedule = replicaSchedule(plan, seat);
    const row = present(workersByStage(schedule)[present(seat.own[0], 'a stage')], 'row of the worker');
    const actions = present(schedule.workers[row], 'actions of the worker');
    const runners = this.#stages.map(
      (stage) => [stage.stage, stage.open(actions.filter((action) => action.stage === stage.stage))] as const,
    );
    return new Seating(this.#options, this.#stages, new StepRunner(actions, new Map(runners)));
  }

  /** Gives back what was prepared, where it comes to nothing. */
  close(): void {
    for (const stage of this.#stages) stage.close();
  }
}
