// AugmentedDataset: a data set in which every training sample comes in several augmented views. View v of sample i has
// the id i + v * numTrain, and validation samples follow on the last view; so whoever keeps something per id (the cache
// of activations, say) keeps it per view. Validation samples are as they are.
import { UsageError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import { randomKey } from '../core/random.js';
import { sizeOf } from '../tensor/shape.js';
import type { Augmentation } from './augmentation.js';
import { type Dataset, firstValidationId } from './dataset.js';

/** Ids are 32-bit integers. */
const MOST_IDS = 2 ** 31 - 1;

export interface ViewOptions {
  readonly augmentation: Augmentation;
  readonly numViews: number;
  readonly seed: number;
}

/** Throws a UsageError (PT_AUGMENT) where there would be more views than ids. */
export function augmentDataset(dataset: Dataset, { augmentation, numViews, seed }: ViewOptions): Dataset {
  const { numTrain, numValidation, info } = dataset;
  if (numTrain * numViews + numValidation > MOST_IDS)
    throw new UsageError(
      'PT_AUGMENT',
      `${numViews} views of ${numTrain} samples are more than ${MOST_IDS}`,
      `Use --views ${Math.floor((MOST_IDS - numValidation) / numTrain)} or fewer.`,
    );
  const size = sizeOf(
    present(
      info.fields.find(({ name }) => name === augmentation.field),
      augmentation.field,
    ).shape,
  );
  const augmented: Dataset = {
    source: dataset.source,
    info,
    tokenizer: dataset.tokenizer,
    labels: dataset.labels,
    ...(dataset.summary === undefined ? {} : { summary: dataset.summary }),
    digest: dataset.digest,
    numTrain,
    numValidation,
    numViews,
    read(id, name, out, row) {
      const first = firstValidationId(augmented);
      if (id >= first) return dataset.read(id - first + firstValidationId(dataset), name, out, row);
      const sample = id % numTrain;
      dataset.read(sample, name, out, row);
      if (name === augmentation.field)
        augmentation.apply(
          out.subarray(row * size, (row + 1) * size),
          randomKey(seed, 'augment', sample, Math.floor(id / numTrain)),
        );
    },
  };
  return augmented;
}
