// Ledger: what the events of a run must add up to: every step once, every sample of every epoch once, over every change
// of shape, failure and resume. Pure: it reads events and says what is wrong with them first.
import { createHash } from 'node:crypto';
import { Sampler } from '../data/sampler.js';
import { type Check, check, fail } from './check.js';
import type { RunEvent } from './events.js';
import { PlanWalk } from './plan-walk.js';
import { digestOfIds } from './sample-share.js';
import { StepWalk } from './step-walk.js';
import { type EventOf, eventsOf } from './summary.js';

export type { Check } from './check.js';

type Step = EventOf<'step'>;

/** Checks the events of a run. `isExact`: steps that are done again must give the loss they gave before. */
export function checkLedger(events: readonly RunEvent[], isExact: boolean): Check[] {
  let walk: StepWalk | null = null;
  const steps = check('steps', () => {
    walk = new StepWalk(events, isExact);
    const { again, recoveries, resumes } = walk.counts;
    return `${walk.steps.length} steps, ${again} done again, ${recoveries} recoveries, ${resumes} resumes`;
  });
  const walked = (): StepWalk => walk ?? fail('cannot be checked while the steps do not add up');
  return [
    steps,
    check('samples', () => checkSamples(events, walked())),
    check('losses', () => checkLosses(events, walked().steps)),
    check('transitions', () => {
      const { numTransitions } = new PlanWalk(events);
      return `${numTransitions} transitions, ${eventsOf(events, 'plan.made').length} plans`;
    }),
  ];
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
function checkSamples(events: readonly RunEvent[], { attempts, steps }: StepWalk): string {
  const numSteps = steps.length;
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
