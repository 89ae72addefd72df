// Ledger: what the events of a run must add up to: every step once, every sample of every epoch once, over every change
// of shape, failure and resume. It goes through the events once, says what is wrong with them first, and keeps four
// bytes of a step.
import { type Check, OngoingCheck } from './check.js';
import type { RunEvent } from './events.js';
import { PlanWalk } from './plan-walk.js';
import { SampleWalk } from './sample-walk.js';
import { StepWalk } from './step-walk.js';
import type { EventOf } from './summary.js';

export type { Check } from './check.js';

export class Ledger {
  readonly #steps: StepWalk;
  readonly #samples = new SampleWalk();
  readonly #plans = new PlanWalk();
  readonly #checks = { steps: new OngoingCheck(), samples: new OngoingCheck(), transitions: new OngoingCheck() };
  #finished: EventOf<'run.finished'> | null = null;

  /** `isExact`: steps that are done again must give the loss they gave before. */
  constructor(isExact: boolean) {
    this.#steps = new StepWalk(isExact);
  }

  /** The next event. */
  take(event: RunEvent): void {
    const { steps, samples, transitions } = this.#checks;
    steps.goOn(() => this.#steps.take(event));
    samples.goOn(() => this.#samples.take(event));
    transitions.goOn(() => this.#plans.take(event));
    if (event.type === 'run.started') this.#finished = null;
    if (event.type === 'run.finished') this.#finished = event;
  }

  /** SHA-256 of the losses of the first `steps` steps, as they were done last; null where it cannot be known. */
  lossSha256(steps: number): string | null {
    return this.#checks.steps.problem === null ? this.#steps.losses.digest(steps) : null;
  }

  /** What came of it, when all events were taken. */
  checks(): Check[] {
    const walk = this.#steps;
    const { steps, samples, transitions } = this.#checks;
    const first = steps.end('steps', () => {
      walk.end();
      const { again, recoveries, resumes, lost, rollbacks, undone } = walk.counts;
      const gap = lost === 0 ? '' : `; the events of ${lost} steps are lost, a checkpoint had them`;
      const anew = rollbacks === 0 ? '' : `, ${undone} done anew after ${rollbacks} roll-backs of freezes`;
      return `${walk.numDone} steps, ${again} done again, ${recoveries} recoveries, ${resumes} resumes${anew}${gap}`;
    });
    return [
      first,
      first.problem === null ? samples.end('samples', () => this.#samples.end(walk.numDone)) : unknown('samples'),
      first.problem === null ? this.#losses(walk.numDone) : unknown('losses'),
      transitions.end('transitions', () => `${this.#plans.numTransitions} transitions, ${this.#plans.numPlans} plans`),
    ];
  }

  /** The losses of the steps have the digest that the run ended with. */
  #losses(steps: number): Check {
    const name = 'losses';
    const digest = this.#steps.losses.digest(steps);
    const ended = this.#finished?.lossSha256;
    if (digest === null)
      return { name, scope: `${steps} losses, some of which are lost: nothing to compare with`, problem: null };
    if (ended === undefined)
      return { name, scope: `${steps} losses; the run has no end to compare with`, problem: null };
    if (ended === digest) return { name, scope: `${steps} losses, sha256 ${digest.slice(0, 16)}`, problem: null };
    const problem =
      `the losses of steps 0 to ${steps - 1} have the digest ${digest.slice(0, 16)}, the run ended with ` +
      ended.slice(0, 16);
    return { name, scope: '', problem };
  }
}

const unknown = (name: string): Check => ({
  name,
  scope: '',
  problem: 'cannot be checked while the steps do not add up',
});

/** Checks the events of a run. `isExact`: as Ledger. */
export function checkLedger(events: Iterable<RunEvent>, isExact: boolean): Check[] {
  const ledger = new Ledger(isExact);
  for (const event of events) ledger.take(event);
  return ledger.checks();
}
