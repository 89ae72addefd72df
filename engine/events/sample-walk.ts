// SampleWalk: follows the samples of a run in the order of the events: every epoch's order, cut into the shares of
// steps and replicas, has no gap and no overlap, and the ids are those that the seed gives; also in steps that were
// undone. It keeps no step: where one begins follows from its number.
import { Sampler } from '../data/sampler.js';
import { fail } from './check.js';
import type { RunEvent } from './events.js';
import { digestOfIds, type SampleShare } from './sample-share.js';
import type { EventOf } from './summary.js';

type Step = EventOf<'step'>;

/** Samples of an epoch whose order is made here: a recording may come from elsewhere, and say anything. */
const MAX_SAMPLES = 2 ** 28;
const NO_SAMPLES = digestOfIds([]);

export class SampleWalk {
  #start: EventOf<'run.started'> | null = null;
  #sampler: Sampler | null = null;
  #finished: EventOf<'run.finished'> | null = null;

  /** Fails at the first event that does not fit. */
  take(event: RunEvent): void {
    if (event.type === 'run.started') this.#begin(event);
    else if (event.type === 'run.finished') this.#finished = event;
    else if (event.type === 'step') checkShares(event, this.#sampler ?? fail('the run never started'));
  }

  /** Fails where the run says that it saw another number of samples than its steps have. Returns what was looked at. */
  end(numSteps: number): string {
    const { numTrain, batch, stepsPerEpoch } = this.#sampler ?? fail('the run never started');
    const whole = Math.floor(numSteps / stepsPerEpoch);
    const rest = (numSteps % stepsPerEpoch) * batch;
    const total = whole * numTrain + rest;
    if (this.#finished !== null && this.#finished.samplesSeen !== total)
      fail(`the run says that it saw ${this.#finished.samplesSeen} samples, its steps have ${total}`);
    const epochs = whole === 1 ? '1 whole epoch' : `${whole} whole epochs`;
    return (
      `${total} samples; each of ${numTrain} once in ` +
      `${epochs}${rest > 0 ? `, and ${rest} of them once in the next` : ''}`
    );
  }

  #begin(event: EventOf<'run.started'>): void {
    const before = this.#start;
    this.#start = event;
    this.#finished = null;
    if (before === null) {
      const { numTrain, batch } = event;
      if (numTrain < 1 || numTrain > MAX_SAMPLES || batch < 1)
        fail(`an epoch of ${numTrain} samples in batches of ${batch} cannot be checked`);
      this.#sampler = new Sampler(event);
      return;
    }
    for (const name of ['numTrain', 'numViews', 'batch', 'seed'] as const)
      if (before[name] !== event[name])
        fail(`the run goes on with ${name} ${event[name] ?? 'unset'}, before it was ${before[name] ?? 'unset'}`);
  }
}

/** The shares of one step. */
function checkShares(step: Step, sampler: Sampler): void {
  const { numTrain, batch, stepsPerEpoch } = sampler;
  const epoch = Math.floor(step.step / stepsPerEpoch);
  const begin = (step.step % stepsPerEpoch) * batch;
  const at = `step ${step.step} (epoch ${epoch})`;
  if (step.epoch !== epoch) fail(`${at} says that it is in epoch ${step.epoch}`);
  const shares = step.shares ?? fail(`${at} does not say which samples it used`);
  if (shares.length !== step.R) fail(`${at} has the samples of ${shares.length} replicas, there were ${step.R}`);
  const order = sampler.orderOf(epoch);
  let place = begin;
  for (const [replica, share] of shares.entries()) place = endOf(share, place, order, { at, replica });
  if (place - begin !== step.samples) fail(`${at} counts ${step.samples} samples, its replicas have ${place - begin}`);
  // Only the end of an epoch may be short.
  if (place !== Math.min(begin + batch, numTrain))
    fail(
      `${at} has ${step.samples} samples of a batch of ${batch}, and the epoch is not over: sample ` +
        `${order[place]} is missing`,
    );
}

/** Where the share of a replica ends, which begins at `place` of the epoch's order. */
function endOf(
  { from, to, digest }: SampleShare,
  place: number,
  order: Uint32Array,
  { at, replica }: { readonly at: string; readonly replica: number },
): number {
  const who = `${at}: replica ${replica}`;
  // The padding at the end of an epoch may be all that a replica has; it stands behind the last sample.
  if (from === to && from >= place) {
    if (digest !== NO_SAMPLES) fail(`${who} has no places, and a digest of samples`);
    return place;
  }
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
  if (to < from || to > order.length) fail(`${who} ends at place ${to} of an epoch of ${order.length} samples`);
  if (digestOfIds(order.subarray(from, to)) !== digest)
    fail(
      `${who} used other samples than those at places ${from} to ${to} of the epoch, the first of which is ` +
        `${order[from]}`,
    );
  return to;
}
