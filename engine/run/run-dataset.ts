// The data set of a run, as its configuration wants it: opened, limited, augmented. The coordinator and every worker
// open the same one.
import type { TrainConfig } from '../core/config.js';
import { makeAugmentation } from '../data/augmentations.js';
import { augmentDataset } from '../data/augmented-dataset.js';
import type { Dataset } from '../data/dataset.js';
import type { DataDefaults } from '../data/kind.js';
import { limitDataset } from '../data/limited-dataset.js';
import { loadDataset } from '../data/open-dataset.js';

/**
 * `defaults`: what the model wishes. Throws as opening does, and a UsageError (PT_AUGMENT) where the augmentation does
 * not fit the data.
 */
export async function openRunDataset(config: TrainConfig, defaults: DataDefaults | undefined): Promise<Dataset> {
  const dataset = limitDataset(await loadDataset(config.data, config.dataOptions, defaults), config.limitSamples);
  if (config.augment === 'none') return dataset;
  const augmentation = makeAugmentation(config.augment, dataset.info, { pixels: config.augmentPixels });
  return augmentDataset(dataset, {
    augmentation,
    numViews: config.views ?? numEpochs(config, dataset),
    seed: config.seed,
  });
}

/** Epochs of the run, the last one perhaps not whole. Without a fixed number every epoch shows a view of its own. */
function numEpochs({ steps, epochs, batch }: TrainConfig, { numTrain }: Dataset): number {
  return steps === undefined ? (epochs ?? 1) : Math.ceil(steps / Math.ceil(numTrain / batch));
}

/** Names what is random about the samples of a run, for whoever keeps something made of them. */
export const augmentationId = ({ augment, augmentPixels, seed }: TrainConfig): string =>
  augment === 'none' ? 'none' : `${augment} ${augmentPixels} seed ${seed}`;
