// Progress: what a run has done so far, apart from the parameters: losses, samples, time, the last metric. It keeps
// sums and a digest, nothing by step, so that a run of any length takes the same memory. It can be brought back to a
// state that was put away, because a run that recovers does steps again.
import { z } from 'zod';
import { LossDigest, lossDigestSchema } from '../events/loss-digest.js';
import { type Best, type BestBy, bestSchema, nextBest } from './best.js';

export interface Metric {
  readonly step: number;
  readonly value: number;
}

const count = z.number().int().nonnegative();

export const progressSchema = z
  .object({
    /** Steps done. */
    steps: count,
    samples: count,
    /** Inside the steps that count. */
    seconds: z.number().nonnegative(),
    /** Of the last step; null before the first. */
    loss: z.number().nullable(),
    /** Of the losses of all steps. */
    digest: lossDigestSchema,
    /** Null before the first validation on all samples. */
    best: bestSchema.nullable(),
  })
  .refine(({ steps, digest }) => digest.bytes === 4 * steps, 'the digest is of another number of losses than steps')
  .readonly();

/** For a snapshot or a checkpoint. */
export type ProgressState = z.infer<typeof progressSchema>;

export class Progress {
  #digest = new LossDigest();
  #samples = 0;
  #seconds = 0;
  #loss: number | null = null;
  #metric: Metric | null = null;
  #best: Best | null = null;

  /** Steps done. */
  get steps(): number {
    return this.#digest.count;
  }

  get samplesSeen(): number {
    return this.#samples;
  }

  /** Seconds inside the steps that count; what was done again is not in it. */
  get trainSeconds(): number {
    return this.#seconds;
  }

  get finalLoss(): number {
    return this.#loss ?? Number.NaN;
  }

  /** The metric of the last validation. */
  get metric(): Metric | null {
    return this.#metric;
  }

  /** The best whole validation of those that were due. */
  get best(): Best | null {
    return this.#best;
  }

  /** SHA-256 over the 32-bit losses of all steps, little-endian. */
  get lossSha256(): string {
    return this.#digest.digest();
  }

  add(loss: number, samples: number, seconds: number): void {
    this.#digest.add(loss);
    this.#samples += samples;
    this.#seconds += seconds;
    this.#loss = loss;
  }

  validated(value: number): void {
    this.#metric = { step: this.steps, value };
  }

  /** The validation after the last step was due, and not done because the run was stopped there. */
  validatedWhenDue(value: number, by: BestBy): void {
    this.#best = nextBest(this.#best, { step: this.steps, value }, by);
  }

  /** The run is to be longer than it was: its patience begins anew. */
  forgive(): void {
    if (this.#best !== null) this.#best = { ...this.#best, since: 0 };
  }

  save(): ProgressState {
    return {
      best: this.#best,
      steps: this.steps,
      samples: this.#samples,
      seconds: this.#seconds,
      loss: this.#loss,
      digest: this.#digest.save(),
    };
  }

  /** Forgets the steps since a state of this run was put away. A validation of steps that count still counts. */
  rewind(state: ProgressState): void {
    const [metric, best] = [this.#metric, this.#best];
    this.restore(state);
    if (metric !== null && metric.step <= state.steps) this.#metric = metric;
    if (best !== null && best.at <= state.steps) this.#best = best;
  }

  /** Goes on from a checkpoint. */
  restore({ samples, seconds, loss, digest, best }: ProgressState): void {
    this.#digest = new LossDigest(digest);
    this.#samples = samples;
    this.#seconds = seconds;
    this.#loss = loss;
    this.#metric = null;
    this.#best = best;
  }
}
