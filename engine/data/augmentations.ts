// The augmentations by name. Adding one is one file and one line here.
import type { Augmentation, AugmentationMaker, AugmentationOptions } from './augmentation.js';
import type { DataInfo } from './dataset.js';
import { shift } from './shift.js';

const AUGMENTATIONS = { shift } as const satisfies Record<string, AugmentationMaker>;

export type AugmentationName = keyof typeof AUGMENTATIONS;

/** The augmentation of that name. Throws as it does. */
export const makeAugmentation = (name: AugmentationName, data: DataInfo, options: AugmentationOptions): Augmentation =>
  AUGMENTATIONS[name](data, options);
