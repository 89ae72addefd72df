// LimitedDataset: the first samples of a data set, for a run that is only meant to try something out.
import { createHash } from 'node:crypto';
import type { Dataset } from './dataset.js';

/** At most `limit` training and `limit` validation samples; the data set itself where there is no limit. */
export function limitDataset(dataset: Dataset, limit: number | undefined): Dataset {
  if (limit === undefined) return dataset;
  const numTrain = Math.min(limit, dataset.numTrain);
  return {
    source: dataset.source,
    info: dataset.info,
    tokenizer: dataset.tokenizer,
    labels: dataset.labels,
    numTrain,
    numValidation: Math.min(limit, dataset.numValidation),
    digest: createHash('sha256').update(`${dataset.digest} ${limit}`).digest('hex'),
    // Validation samples keep following on the training samples.
    read: (id, name, out, row) => dataset.read(id < numTrain ? id : id - numTrain + dataset.numTrain, name, out, row),
  };
}
