// RunPlaces: where the model and the data of a run lie now, for a program that uses it.
import type { TrainConfigInput } from '../core/config.js';

/** Where model and data lie now, if not where they were; they are known again by their digests. */
export type RunPlaces = Partial<Pick<TrainConfigInput, 'model' | 'data' | 'dataOptions'>>;
export const RUN_PLACES: readonly (keyof RunPlaces)[] = ['model', 'data', 'dataOptions'];
