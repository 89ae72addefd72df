// EpochLoss: the mean training loss of the epoch of the last step that came. The loss of one step says less: the last
// one of an epoch may be of a few samples that are left over.
import type { RunEvent } from './events.js';

type Step = Pick<Extract<RunEvent, { type: 'step' }>, 'step' | 'loss' | 'samples'>;

export interface LossOfEpoch {
  /** Each sample counts as much. */
  readonly loss: number;
  readonly steps: number;
  readonly samples: number;
  readonly samplesOfLastStep: number;
}

export class EpochLoss {
  #epoch = -1;
  #sum = 0;
  #steps = 0;
  #samples = 0;
  #samplesOfLastStep = 0;

  take({ step, loss, samples }: Step, stepsPerEpoch: number): void {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (epoch !== this.#epoch) [this.#epoch, this.#sum, this.#steps, this.#samples] = [epoch, 0, 0, 0];
    this.#sum += loss * samples;
    this.#steps++;
    this.#samples += samples;
    this.#samplesOfLastStep = samples;
  }

  get last(): LossOfEpoch | null {
    const loss = this.#sum / this.#samples;
    if (!Number.isFinite(loss)) return null;
    return { loss, steps: this.#steps, samples: this.#samples, samplesOfLastStep: this.#samplesOfLastStep };
  }
}
