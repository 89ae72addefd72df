// Sampler: which samples make up the batch of a step. Pure in (seed, step): it keeps no cursor, so a resumed run asks
// for the same step and gets the same ids.
import { invariant } from '../core/invariant.js';
import { permutation, randomKey } from '../core/random.js';
import { firstValidationId } from './dataset.js';

export interface SamplerOptions {
  readonly numTrain: number;
  readonly numValidation?: number;
  /** Views of every training sample (see augmented-dataset.ts). Default: 1. */
  readonly numViews?: number | undefined;
  /** Samples per step. */
  readonly batch: number;
  readonly seed: number;
}

/** Ids of one step; -1 stands for padding, which only the last batch of an epoch has, at its end. */
export interface Batch {
  readonly epoch: number;
  readonly ids: Int32Array;
}

export class Sampler {
  readonly numTrain: number;
  readonly numValidation: number;
  readonly numViews: number;
  readonly batch: number;
  readonly seed: number;
  /** Steps of one epoch; the last one may be short. */
  readonly stepsPerEpoch: number;
  #shuffled: { readonly epoch: number; readonly order: Uint32Array } | null = null;

  constructor({ numTrain, numValidation = 0, numViews = 1, batch, seed }: SamplerOptions) {
    invariant(numTrain > 0 && batch > 0, () => `a sampler needs samples and a batch; it got ${numTrain} and ${batch}`);
    this.numTrain = numTrain;
    this.numValidation = numValidation;
    this.numViews = numViews;
    this.batch = batch;
    this.seed = seed;
    this.stepsPerEpoch = Math.ceil(numTrain / batch);
  }

  /** The batch of 0-based `step`. Every epoch is a fresh permutation; every sample comes exactly once in it. */
  batchAt(step: number): Batch {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    const from = (step - epoch * this.stepsPerEpoch) * this.batch;
    const order = this.orderOf(epoch);
    const ids = new Int32Array(this.batch).fill(-1);
    ids.set(order.subarray(from, from + this.batch));
    return { epoch, ids };
  }

  /** Ids of validation batch `index`, in order, padded with -1. */
  validationBatch(index: number, batch: number = this.batch): Int32Array {
    const from = index * batch;
    const first = firstValidationId(this);
    return Int32Array.from({ length: batch }, (_, i) => (from + i < this.numValidation ? first + from + i : -1));
  }

  /**
   * The order of the training samples in an epoch, by the ids of their views: epoch e shows view e modulo the number of
   * views.
   */
  orderOf(epoch: number): Uint32Array {
    // Steps come in order, so one permutation is enough; its size is that of the data set.
    if (this.#shuffled?.epoch !== epoch) {
      const firstOfView = (epoch % this.numViews) * this.numTrain;
      this.#shuffled = {
        epoch,
        order: permutation(randomKey(this.seed, 'shuffle', epoch), this.numTrain).map((sample) => firstOfView + sample),
      };
    }
    return this.#shuffled.order;
  }
}
