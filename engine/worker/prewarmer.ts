// Prewarmer: compiles the programs of a plan that may come next, in the gaps in which this process waits anyway. It
// changes nothing but what the next plan costs: when and whether it got something done has no effect on any result.
import { actionsOf, splitsBackward } from '../../pipeline/schedule.js';
import { present } from '../core/invariant.js';
import { absentOf, type Plan, seatOf } from '../core/plan.js';
import type { StagePrograms } from '../model/compile.js';
import type { StageCompiler } from '../model/stage-compiler.js';
import { replicaSchedule } from '../protocol/plan-schedule.js';
import type { Executor } from '../tensor/executor.js';
import type { Program } from '../tensor/program.js';

export class Prewarmer {
  readonly #executor: Executor;
  readonly #compiler: StageCompiler;
  /** Work that is left, in pieces of some milliseconds. */
  #pieces: (() => void)[] = [];
  #isScheduled = false;

  /** `executor` keeps what it has loaded. */
  constructor(executor: Executor, compiler: StageCompiler) {
    this.#executor = executor;
    this.#compiler = compiler;
  }

  /** Takes plans to prepare for, the likeliest first, in place of whatever was left of those before. */
  expect(plans: readonly Plan[], worker: string): void {
    this.#pieces = [];
    for (const plan of plans) this.#add(plan, worker);
    this.#schedule();
  }

  /** Drops what is left. */
  stop(): void {
    this.#pieces = [];
  }

  #add(plan: Plan, worker: string): void {
    const seat = seatOf(plan, worker);
    if (seat === null) return;
    const { microBatch, frozen } = plan;
    const load = (find: () => Program | null): void => void this.#pieces.push(() => this.#load(find()));
    const schedule = replicaSchedule(plan, seat);
    for (const stage of seat.own) {
      const { from, to } = present(seat.stages[stage], 'stage');
      const compiled = (): StagePrograms =>
        this.#compiler.stage({ from, to, microBatch, needsInputGradient: stage > 0, absent: absentOf(plan) });
      // The stage itself first: it is the longest of the pieces, and the others need it.
      this.#pieces.push(() => void compiled());
      if (splitsBackward(actionsOf(schedule, stage))) {
        load(() => compiled().split.input);
        load(() => compiled().split.weight);
      } else load(() => compiled().backward);
      load(() => compiled().forward);
      load(() => compiled().evaluate);
    }
    if (!seat.own.includes(0) || frozen === 0) return;
    load(() => this.#compiler.prefix(0, frozen, microBatch));
    const { previousCacheDepth } = plan;
    if (previousCacheDepth !== null) load(() => this.#compiler.prefix(previousCacheDepth, frozen, microBatch));
  }

  #load(program: Program | null): void {
    if (program !== null && program.outputs.length > 0) this.#executor.load(program).free();
  }

  /** One piece per turn of the event loop: whatever has arrived meanwhile comes first. */
  #schedule(): void {
    if (this.#isScheduled || this.#pieces.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      try {
        this.#pieces.shift()?.();
      } catch {
        // The plan that needs it will fail with it, and say so.
        this.#pieces = [];
      }
      this.#schedule();
    });
  }
}
