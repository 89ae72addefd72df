// Progress: what a run has done so far, apart from the parameters: losses, samples, time, the last metric. It can be
// brought back to an earlier step, because a run that recovers does steps again.
import { createHash } from 'node:crypto';

export interface Metric {
  readonly step: number;
  readonly value: number;
}

export class Progress {
  #losses: number[] = [];
  #samples: number[] = [];
  #seconds: number[] = [];
  #metric: Metric | null = null;

  /** Steps done. */
  get steps(): number {
    return this.#losses.length;
  }

  get samplesSeen(): number {
    return this.#samples.reduce((a, b) => a + b, 0);
  }

  /** Seconds inside the steps that count; what was done again is not in it. */
  get trainSeconds(): number {
    return this.#seconds.reduce((a, b) => a + b, 0);
  }

  get finalLoss(): number {
    return this.#losses.at(-1) ?? Number.NaN;
  }

  /** The metric of the last validation. */
  get metric(): Metric | null {
    return this.#metric;
  }

  /** SHA-256 over the 32-bit losses of all steps, little-endian. */
  get lossSha256(): string {
    return createHash('sha256')
      .update(new Uint8Array(Float32Array.from(this.#losses).buffer))
      .digest('hex');
  }

  add(loss: number, samples: number, seconds: number): void {
    this.#losses.push(loss);
    this.#samples.push(samples);
    this.#seconds.push(seconds);
  }

  validated(value: number): void {
    this.#metric = { step: this.steps, value };
  }

  /** Forgets the steps from `steps` on. */
  rewind(steps: number): void {
    for (const list of [this.#losses, this.#samples, this.#seconds]) list.length = Math.min(list.length, steps);
    if (this.#metric !== null && this.#metric.step > steps) this.#metric = null;
  }

  /** For a checkpoint. */
  save(): {
    readonly losses: readonly number[];
    readonly samples: readonly number[];
    readonly seconds: readonly number[];
  } {
    return { losses: [...this.#losses], samples: [...this.#samples], seconds: [...this.#seconds] };
  }

  /** Goes on from a checkpoint. */
  restore({ losses, samples, seconds }: ReturnType<Progress['save']>): void {
    this.#losses = [...losses];
    this.#samples = [...samples];
    this.#seconds = [...seconds];
    this.#metric = null;
  }
}
