// The hand-over probe: what it takes two workers to tell each other that something lies ready, measured with the
// doorbells of training: the way to a worker that sleeps, and the look for a message that has come meanwhile. It moves
// no tensor.
import { bellKey } from '../protocol/bells.js';

/** Milliseconds of a hand-over, apart from the bytes. */
export interface HandoverCost {
  /** From the end of an action to the start of the one on another worker that waited for it. */
  readonly handoverMs: number;
  /** From the end of an action to the start of the next one on the same worker, whose inputs were there. */
  readonly handlingMs: number;
}

/** What the probe needs of the doorbells. */
export interface Bells {
  ring(worker: string, key: string): void;
  /** Waits for a bell of `worker`. */
  wait(worker: string, key: string): Promise<void>;
}

const WARM_UP = 3;
const ROUNDS = 12;
/** The other side sleeps by then, as it does in the bubble of a step. */
const PAUSE_MS = 2;

/** The worker with which `worker` measures, or null where one of an odd number is left over. */
export function partnerOf(worker: string, workers: readonly string[]): string | null {
  const at = workers.indexOf(worker);
  return at < 0 ? null : (workers[at % 2 === 0 ? at + 1 : at - 1] ?? null);
}

/** Measures; the other one answers with `answerHandovers` at the same time. */
export async function measureHandovers(bells: Bells, self: string, partner: string): Promise<HandoverCost> {
  const ways: number[] = [];
  const looks: number[] = [];
  for (let n = 0; n < WARM_UP + ROUNDS; n++) {
    work();
    const sent = performance.now();
    bells.ring(partner, keyOf('ping', n, self));
    await bells.wait(partner, keyOf('pong', n, partner));
    const back = performance.now();
    bells.ring(partner, keyOf('send', n, self));
    work();
    const done = performance.now();
    // As after an action: its result is announced, then the input of the next one is looked for.
    bells.ring(partner, keyOf('done', n, self));
    await bells.wait(partner, keyOf('sent', n, partner));
    if (n < WARM_UP) continue;
    looks.push(performance.now() - done);
    ways.push((back - sent) / 2);
  }
  return { handoverMs: lowerQuartile(ways), handlingMs: lowerQuartile(looks) };
}

/** The other side. */
export async function answerHandovers(bells: Bells, self: string, partner: string): Promise<void> {
  for (let n = 0; n < WARM_UP + ROUNDS; n++) {
    await bells.wait(partner, keyOf('ping', n, partner));
    bells.ring(partner, keyOf('pong', n, self));
    await bells.wait(partner, keyOf('send', n, partner));
    bells.ring(partner, keyOf('sent', n, self));
    await bells.wait(partner, keyOf('done', n, partner));
  }
}

/** The mean of what pairs of workers measured; null where none did. */
export function jointHandover(all: readonly (HandoverCost | null)[]): HandoverCost | null {
  const measured = all.filter((one) => one !== null);
  if (measured.length === 0) return null;
  const mean = (pick: (one: HandoverCost) => number): number =>
    measured.reduce((sum, one) => sum + pick(one), 0) / measured.length;
  return { handoverMs: mean(({ handoverMs }) => handoverMs), handlingMs: mean(({ handlingMs }) => handlingMs) };
}

/** The way itself is always as long; what else the machine does only adds to it, sometimes much. */
const lowerQuartile = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 2] ?? 0;

const keyOf = (what: string, n: number, from: string): string =>
  bellKey('probe', { generation: null, step: null }, what, n, from);

/** Computes, and so hears no message, for as long as a short action. */
function work(): void {
  const end = performance.now() + PAUSE_MS;
  while (performance.now() < end);
}
