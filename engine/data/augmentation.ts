// Augmentation: a random change of one sample that keeps its label. A pure function of a random key, so that whoever
// asks for a view of a sample gets the same bits. Which view is shown when is the sampler's business (see sampler.ts),
// that views have ids of their own augmented-dataset.ts.
import type { RandomKey } from '../core/random.js';
import type { NumberArray } from '../tensor/shape.js';
import type { DataInfo } from './dataset.js';

export interface AugmentationOptions {
  /** shift: most pixels in each direction. */
  readonly pixels: number;
}

export interface Augmentation {
  /** The field that it changes. */
  readonly field: string;
  /** Names what it does, options included: equal names and keys mean equal bits. */
  readonly name: string;
  /** Changes the values of one sample, laid out as the field's shape, in place. */
  apply(values: NumberArray, key: RandomKey): void;
}

/** Makes an augmentation for the data. Throws a UsageError (PT_AUGMENT) where it does not fit them. */
export type AugmentationMaker = (data: DataInfo, options: AugmentationOptions) => Augmentation;
