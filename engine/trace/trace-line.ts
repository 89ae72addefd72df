// TraceLine: one line of trace.jsonl: what the workers of a plan do in a step, in which order, or when they did it in
// one step. Times are whole microseconds, each as the difference to the one before; what is derived from them (waits,
// flows) is not written.
import { z } from 'zod';
import { MAX_WORKERS, WORKER_NAME } from '../core/plan.js';

const whole = z.number().int().nonnegative();
const worker = z.string().regex(WORKER_NAME);
const byWorker = <T extends z.ZodType>(value: T) =>
  z.record(worker, value).refine((all) => Object.keys(all).length <= MAX_WORKERS, 'more workers than a run may have');

/** A plan takes over: the actions of each worker that has a seat, as `0F0 0B0`. */
const planLine = z.object({
  type: z.literal('plan'),
  generation: whole,
  seats: byWorker(z.object({ replica: whole, actions: z.string().max(2 ** 22) })),
});

/** A step was done. */
const stepLine = z.object({
  type: z.literal('step'),
  /** When its update was applied, seconds since the start of the run, as the events count them. */
  time: z.number().nonnegative(),
  step: whole,
  generation: whole,
  /** Since the step before was done. */
  micros: whole,
  /**
   * Begin and end of each action by the clock of its worker: the first counts from `time` and is mostly negative, each
   * other one from the one before.
   */
  spans: byWorker(z.array(z.number().int()).max(2 ** 20)),
  /** How long the exchange of gradients took that followed on the last action. */
  reduceMicros: byWorker(whole),
});

export const traceLineSchema = z.discriminatedUnion('type', [planLine, stepLine]);

export type TracedPlan = z.infer<typeof planLine>;
export type TracedStep = z.infer<typeof stepLine>;
export type TraceLine = TracedPlan | TracedStep;
/** A line before it is known when in the run it was written. */
export type UntimedLine = TracedPlan | Omit<TracedStep, 'time'>;

/** Milliseconds on some clock as they are written: whole microseconds after `zeroMs`, each after the one before. */
export function packed(timesMs: readonly number[], zeroMs: number): number[] {
  const micros = timesMs.map((ms) => Math.round((ms - zeroMs) * 1000));
  return micros.map((at, i) => at - (micros[i - 1] ?? 0));
}

/** The other way round: microseconds after the same zero. */
export function unpacked(differences: readonly number[]): number[] {
  let at = 0;
  return differences.map((difference) => (at += difference));
}
