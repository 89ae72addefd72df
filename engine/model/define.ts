// defineModel: how a model, ours or a user's, is declared. A definition becomes a Model once the options and the facts
// of the data set are known. It never sees a worker, a stage or a device.
import type { z } from 'zod';
import type { DataInfo } from '../data/dataset.js';
import type { DataDefaults } from '../data/kind.js';
import type { Model } from './block.js';
import type { ModelPlaces } from './model-places.js';

/** Training settings that suit a model; used where the user gives none. Keys are those of the configuration. */
export type ModelDefaults = Readonly<
  Partial<{
    epochs: number;
    batch: number;
    microBatch: number;
    lr: string;
    warmup: number;
    weightDecay: number;
    clip: number;
    optimizer: string;
  }>
>;

export interface ModelDefinition<Options = unknown> {
  readonly name: string;
  /** One sentence for `--help` and listings. */
  readonly summary: string;
  /** Validates and completes the options; unknown keys are errors. */
  readonly options: z.ZodType<Options>;
  readonly defaults: ModelDefaults;
  /**
   * What the model wants of the data, e.g. the vocabulary it was trained with; used where the user gives none and the
   * kind of data has the option.
   */
  readonly dataDefaults?: DataDefaults;
  /** Builds the block list. Throws a ModelError where the data does not fit the model. */
  build(options: Options, data: DataInfo): Model;
  /** Where its lines stand, for messages; of a definition that was loaded from a file. Not to be given by hand. */
  readonly places?: ModelPlaces;
}

/** Declares a model. A plug-in file exports the result under the name `model`. */
export function defineModel<Options>(definition: ModelDefinition<Options>): ModelDefinition<Options> {
  return definition;
}
