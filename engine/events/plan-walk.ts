// PlanWalk: follows the plans of a run in the order of the events. Every plan covers the model with workers that are
// there, and steps and transitions name the plan in force. It does not look at losses or samples.
import { fail } from './check.js';
import type { RunEvent } from './events.js';
import type { EventOf } from './summary.js';

type Plan = EventOf<'plan.made'>;

const isShaped = (
  a: { readonly K: number; readonly R: number },
  b: { readonly K: number; readonly R: number },
): boolean => a.K === b.K && a.R === b.R;

export class PlanWalk {
  numTransitions = 0;
  numPlans = 0;
  #numBlocks = 0;
  /** The last one made, and the one in force. */
  #made: Plan | null = null;
  #adopted: Plan | null = null;
  readonly #present = new Set<string>();
  readonly #lost = new Set<string>();
  /** Events were lost, and nobody knows which: nothing is certain until the run starts again. */
  #isBlind = false;

  /** Fails at the first event that does not fit. */
  take(event: RunEvent): void {
    if (event.type === 'events.damaged') this.#isBlind = true;
    if (event.type === 'run.started') this.#isBlind = false;
    if (!this.#isBlind) this.#see(event);
  }

  #see(event: RunEvent): void {
    switch (event.type) {
      case 'run.started':
        this.#start(event);
        break;
      case 'worker.joined':
        this.#present.add(event.worker);
        break;
      case 'worker.lost':
        if (!this.#present.delete(event.worker)) fail(`worker ${event.worker} is lost, but was not there`);
        this.#lost.add(event.worker);
        break;
      case 'recovered':
        this.#recover(event);
        break;
      case 'plan.made':
        this.#make(event);
        break;
      case 'transition':
        this.#adopt(event);
        break;
      case 'step':
        this.#checkStep(event);
        break;
      default:
    }
  }

  #start({ blocks }: EventOf<'run.started'>): void {
    this.#made = null;
    this.#adopted = null;
    this.#numBlocks = blocks.length;
    this.#present.clear();
    this.#lost.clear();
  }

  #recover({ step, lost }: EventOf<'recovered'>): void {
    const unknown = lost.find((worker) => !this.#lost.has(worker));
    if (unknown !== undefined)
      fail(`the recovery at step ${step} names worker ${unknown} as lost, no event before does`);
  }

  #make(plan: Plan): void {
    if (this.#made !== null && plan.generation <= this.#made.generation)
      fail(`plan ${plan.generation} follows on plan ${this.#made.generation}`);
    checkSeats(plan, this.#present);
    checkCover(plan, this.#numBlocks);
    this.#made = plan;
    this.numPlans++;
    this.#adopted ??= plan;
  }

  #adopt({ step, generation, from, to, frozen }: EventOf<'transition'>): void {
    const [made, adopted] = [this.#made, this.#adopted];
    const at = `the transition at step ${step}`;
    if (made === null || adopted === null || generation !== made.generation)
      return fail(`${at} is to plan ${generation}, the last one made is ${made?.generation ?? 'none'}`);
    if (!isShaped(from, adopted)) fail(`${at} is from ${from.K}x${from.R}, in force was ${adopted.K}x${adopted.R}`);
    if (!isShaped(to, made) || frozen !== made.frozen)
      fail(
        `${at} is to ${to.K}x${to.R} with ${frozen} frozen blocks, the plan is ${made.K}x${made.R} with ${made.frozen}`,
      );
    this.#adopted = made;
    this.numTransitions++;
  }

  #checkStep({ step, generation, K, R, frozen }: EventOf<'step'>): void {
    const plan = this.#adopted;
    if (plan === null) return fail(`step ${step} has no plan`);
    if (generation !== plan.generation)
      fail(`step ${step} ran under plan ${generation}, in force was ${plan.generation}`);
    if (!isShaped({ K, R }, plan) || frozen !== plan.frozen)
      fail(
        `step ${step} ran as ${K}x${R} with ${frozen} frozen blocks, plan ${plan.generation} is ${plan.K}x${plan.R} ` +
          `with ${plan.frozen}`,
      );
  }
}

/** Every seat is of a worker that is there, in one replica. */
function checkSeats({ generation, stages }: Plan, present: ReadonlySet<string>): void {
  const replicaOf = new Map<string, number>();
  for (const { worker, replica } of stages) {
    if (!present.has(worker)) fail(`plan ${generation} seats worker ${worker}, which is not there`);
    // Several stages of one replica may be on one worker, where the schedule interleaves them.
    if ((replicaOf.get(worker) ?? replica) !== replica)
      fail(`plan ${generation} seats worker ${worker} in replicas ${replicaOf.get(worker)} and ${replica}`);
    replicaOf.set(worker, replica);
  }
}

/** In each replica every trained block is in one stage. */
function checkCover({ generation, stages, frozen, R }: Plan, numBlocks: number): void {
  for (let replica = 0; replica < R; replica++) {
    let next = frozen;
    for (const { from, to } of stages.filter((stage) => stage.replica === replica).sort((a, b) => a.stage - b.stage)) {
      if (from !== next)
        fail(
          `plan ${generation}: in replica ${replica} block ${Math.min(from, next)} is in ` +
            `${from > next ? 'no stage' : 'two stages'}`,
        );
      next = to;
    }
    if (next !== numBlocks) fail(`plan ${generation}: in replica ${replica} block ${next} is in no stage`);
  }
}
