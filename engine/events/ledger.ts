// Ledger: what the events of a run must add up to: every step once, every sample of every epoch once, over every change
// of shape, failure and resume. Pure: it reads events and says what is wrong with them first.
import { createHash } from 'node:crypto';
import { Sampler } from '../data/sampler.js';
import type { RunEvent } from './events.js';
import { digestOfIds } from './sample-share.js';
import { eventsOf } from './summary.js';

/**
 * One thing that was checked. `problem` is null where it holds, else it names the first step, sample or file that is
 * wrong.
 */
export interface Check {
  readonly name: string;
  /** What was looked at, with numbers. */
  readonly scope: string;
  readonly problem: string | null;
}

type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;
type Step = EventOf<'step'>;

/** Thrown inside a check, and caught at its border: the first thing that is wrong. */
class Broken extends Error {}
function fail(problem: string): never {
  throw new Broken(problem);
}

function check(name: string, work: () => string): Check {
  try {
    return { name, scope: work(), problem: null };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { name, scope: '', problem: error.message };
  }
}

/** Checks the events of a run. `isExact`: steps that are done again must give the loss they gave before. */
export function checkLedger(events: readonly RunEvent[], isExact: boolean): Check[] {
  let steps: readonly Step[] = [];
  let attempts: readonly Step[] = [];
  const first = [
    check('steps', () => {
      const walk = walkSteps(events, isExact);
      ({ steps, attempts } = walk);
      const { again, recoveries, resumes } = walk;
      return `${steps.length} steps, ${again} done again, ${recoveries} recoveries, ${resumes} resumes`;
    }),
  ];
  const isWalked = first.every(({ problem }) => problem === null);
  const next = (name: string, work: () => string): Check =>
    check(name, () => (isWalked ? work() : fail('cannot be checked while the steps do not add up')));
  return [
    ...first,
    next('samples', () => checkSamples(events, attempts, steps.length)),
    next('losses', () => checkLosses(events, steps)),
    check('transitions', () => checkPlans(events)),
  ];
}

/**
 * Follows the steps in the order of the events: each one follows on the last, and only a recovery, a resume or a
 * roll-back of the guard goes back.
 */
function walkSteps(
  events: readonly RunEvent[],
  isExact: boolean,
): { steps: Step[]; attempts: Step[]; again: number; recoveries: number; resumes: number } {
  const steps: Step[] = [];
  /** All steps, those that were undone included. */
  const attempts: Step[] = [];
  const before = new Map<number, Step>();
  let highest = -1;
  let again = 0;
  let recoveries = 0;
  let resumes = 0;
  let hasStarted = false;
  let mayResume = false;
  const goBack = (to: number, what: string): void => {
    if (to > steps.length) fail(`${what} goes on after ${to} steps, but only ${steps.length} were done`);
    steps.length = to;
  };
  for (const event of events) {
    if (event.type === 'run.started') {
      mayResume = hasStarted;
      hasStarted = true;
      highest = -1;
    } else if (event.type === 'resumed') {
      if (!mayResume) fail(`the run is resumed after ${event.step} steps, but it had not begun before`);
      mayResume = false;
      goBack(event.step, 'the resumed run');
      resumes++;
    } else if (event.type === 'freeze.rolledBack') {
      goBack(event.toStep, `the roll-back at step ${event.step}`);
      // What follows is done without the freeze, and so with other losses.
      for (const step of [...before.keys()]) if (step >= event.toStep) before.delete(step);
    } else if (event.type === 'recovered') {
      goBack(event.fromStep, `the recovery at step ${event.step}`);
      recoveries++;
    } else if (event.type === 'step') {
      const { step, loss } = event;
      if (!hasStarted) fail(`step ${step} comes before the run has started`);
      if (mayResume && steps.length > 0)
        fail(`the run starts again at step ${step} without a checkpoint to go on from`);
      if (step > steps.length)
        fail(`step ${steps.length} is missing: step ${step} follows on step ${steps.length - 1}`);
      if (step < steps.length) fail(`step ${step} comes twice, without a recovery in between`);
      const isReplay = step <= highest;
      if ((event.replay ?? false) !== isReplay)
        fail(
          `step ${step} is ` +
            `${isReplay ? 'done again, but not marked as such' : 'marked as done again, but was not done before'}`,
        );
      const earlier = before.get(step);
      if (earlier !== undefined) {
        again++;
        if (isExact && earlier.loss !== loss)
          fail(`step ${step} was done again with loss ${loss}; it was ${earlier.loss} before`);
      }
      before.set(step, event);
      highest = Math.max(highest, step);
      steps.push(event);
      attempts.push(event);
    } else if (event.type === 'run.finished' && event.steps !== steps.length)
      fail(
        `the run ended after ${event.steps} steps, the events have ${steps.length}: step ` +
          `${Math.min(event.steps, steps.length)} is the first in doubt`,
      );
  }
  if (!hasStarted) fail('the run never started');
  return { steps, attempts, again, recoveries, resumes };
}

/** Where a step ends: `place` samples of `epoch` are done. */
interface Cursor {
  readonly epoch: number;
  readonly place: number;
}

/**
 * Every epoch's order, cut into the shares of steps and replicas: no gap, no overlap, and the ids that the seed gives;
 * also in steps that were undone.
 */
function checkSamples(events: readonly RunEvent[], attempts: readonly Step[], numSteps: number): string {
  const start = eventsOf(events, 'run.started').at(-1) ?? fail('the run never started');
  const { numTrain } = start;
  const sampler = new Sampler(start);
  const ends: Cursor[] = [];
  const samples: number[] = [];
  for (const attempt of attempts) {
    const before = ends[attempt.step - 1] ?? { epoch: 0, place: 0 };
    ends[attempt.step] = checkShares(
      attempt,
      before.place === numTrain ? { epoch: before.epoch + 1, place: 0 } : before,
      sampler,
    );
    samples[attempt.step] = attempt.samples;
  }
  const total = samples.slice(0, numSteps).reduce((a, b) => a + b, 0);
  for (const { samplesSeen } of eventsOf(events, 'run.finished').slice(-1))
    if (samplesSeen !== total) fail(`the run says that it saw ${samplesSeen} samples, its steps have ${total}`);
  const { epoch, place } = ends[numSteps - 1] ?? { epoch: 0, place: 0 };
  const [whole, rest] = place === numTrain ? [epoch + 1, 0] : [epoch, place];
  const epochs = whole === 1 ? '1 whole epoch' : `${whole} whole epochs`;
  return (
    `${total} samples; each of ${numTrain} once in ` +
    `${epochs}${rest > 0 ? `, and ${rest} of them once in the next` : ''}`
  );
}

/** The shares of one step, which begins at `begin`; returns where it ends. */
function checkShares(step: Step, { epoch, place: begin }: Cursor, sampler: Sampler): Cursor {
  const { numTrain, batch } = sampler;
  const at = `step ${step.step} (epoch ${epoch})`;
  if (step.epoch !== epoch) fail(`${at} says that it is in epoch ${step.epoch}`);
  const shares = step.shares ?? fail(`${at} does not say which samples it used`);
  if (shares.length !== step.R) fail(`${at} has the samples of ${shares.length} replicas, there were ${step.R}`);
  const order = sampler.orderOf(epoch);
  let place = begin;
  for (const [replica, { from, to, digest }] of shares.entries()) {
    if (from > place)
      fail(
        `sample ${order[place]} is missing in ${at}: replica ${replica} begins at place ${from} of the ` +
          `epoch, ${place} is next`,
      );
    if (from < place)
      fail(
        `sample ${order[from] ?? from} comes twice in ${at}: replica ${replica} begins at place ${from} of ` +
          `the epoch, ${place} is next`,
      );
    if (to < from || to > numTrain)
      fail(`${at}: replica ${replica} ends at place ${to} of an epoch of ${numTrain} samples`);
    if (digestOfIds(order.subarray(from, to)) !== digest)
      fail(
        `${at}: replica ${replica} used other samples than those at places ${from} to ${to} of the epoch, ` +
          `the first of which is ${order[from]}`,
      );
    place = to;
  }
  if (place - begin !== step.samples) fail(`${at} counts ${step.samples} samples, its replicas have ${place - begin}`);
  // Only the end of an epoch may be short.
  if (step.samples !== batch && place !== numTrain)
    fail(
      `${at} has ${step.samples} samples of a batch of ${batch}, and the epoch is not over: sample ` +
        `${order[place]} is missing`,
    );
  return { epoch, place };
}

/** The losses of the steps have the digest that the run ended with. */
function checkLosses(events: readonly RunEvent[], steps: readonly Step[]): string {
  const digest = createHash('sha256')
    .update(new Uint8Array(Float32Array.from(steps, ({ loss }) => loss).buffer))
    .digest('hex');
  const finished = eventsOf(events, 'run.finished').at(-1);
  if (finished === undefined) return `${steps.length} losses; the run has no end to compare with`;
  if (finished.lossSha256 !== digest)
    fail(
      `the losses of steps 0 to ${steps.length - 1} have the digest ${digest.slice(0, 16)}, the run ended ` +
        `with ${finished.lossSha256.slice(0, 16)}`,
    );
  return `${steps.length} losses, sha256 ${digest.slice(0, 16)}`;
}

/** Every plan covers the model with workers that are there, and steps and transitions name the plan in force. */
function checkPlans(events: readonly RunEvent[]): string {
  let numBlocks = 0;
  let made: EventOf<'plan.made'> | null = null;
  let adopted: EventOf<'plan.made'> | null = null;
  let numTransitions = 0;
  const present = new Set<string>();
  const lost = new Set<string>();
  for (const event of events) {
    if (event.type === 'run.started') {
      [made, adopted, numBlocks] = [null, null, event.blocks.length];
      present.clear();
      lost.clear();
    } else if (event.type === 'worker.joined') present.add(event.worker);
    else if (event.type === 'worker.lost') {
      if (!present.delete(event.worker)) fail(`worker ${event.worker} is lost, but was not there`);
      lost.add(event.worker);
    } else if (event.type === 'recovered') {
      const unknown = event.lost.find((worker) => !lost.has(worker));
      if (unknown !== undefined)
        fail(`the recovery at step ${event.step} names worker ${unknown} as lost, no event before does`);
    } else if (event.type === 'plan.made') {
      if (made !== null && event.generation <= made.generation)
        fail(`plan ${event.generation} follows on plan ${made.generation}`);
      checkStages(event, numBlocks, present);
      made = event;
      adopted ??= event;
    } else if (event.type === 'transition') {
      const at = `the transition at step ${event.step}`;
      if (made === null || adopted === null || event.generation !== made.generation)
        return fail(`${at} is to plan ${event.generation}, the last one made is ${made?.generation ?? 'none'}`);
      if (event.from.K !== adopted.K || event.from.R !== adopted.R)
        fail(`${at} is from ${event.from.K}x${event.from.R}, in force was ${adopted.K}x${adopted.R}`);
      if (event.to.K !== made.K || event.to.R !== made.R || event.frozen !== made.frozen)
        fail(
          `${at} is to ${event.to.K}x${event.to.R} with ${event.frozen} frozen blocks, the plan is ` +
            `${made.K}x${made.R} with ${made.frozen}`,
        );
      adopted = made;
      numTransitions++;
    } else if (event.type === 'step') {
      if (adopted === null) return fail(`step ${event.step} has no plan`);
      if (event.generation !== adopted.generation)
        fail(`step ${event.step} ran under plan ${event.generation}, in force was ${adopted.generation}`);
      if (event.K !== adopted.K || event.R !== adopted.R || event.frozen !== adopted.frozen)
        fail(
          `step ${event.step} ran as ${event.K}x${event.R} with ${event.frozen} frozen blocks, plan ` +
            `${adopted.generation} is ${adopted.K}x${adopted.R} with ${adopted.frozen}`,
        );
    }
  }
  return `${numTransitions} transitions, ${eventsOf(events, 'plan.made').length} plans`;
}

function checkStages(
  { generation, stages, frozen, R }: EventOf<'plan.made'>,
  numBlocks: number,
  present: ReadonlySet<string>,
): void {
  const replicaOf = new Map<string, number>();
  for (const { worker, replica } of stages) {
    if (!present.has(worker)) fail(`plan ${generation} seats worker ${worker}, which is not there`);
    // Several stages of one replica may be on one worker, where the schedule interleaves them.
    if ((replicaOf.get(worker) ?? replica) !== replica)
      fail(`plan ${generation} seats worker ${worker} in replicas ${replicaOf.get(worker)} and ${replica}`);
    replicaOf.set(worker, replica);
  }
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
