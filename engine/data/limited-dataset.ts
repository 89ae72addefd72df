// LimitedDataset: some samples of a data set, for a run that is only meant to try something out. Of classes, every one
// keeps its share: the first samples of a file may all be of one.
import { createHash } from 'node:crypto';
import { classFacts, type DataSummary } from './data-summary.js';
import type { Dataset } from './dataset.js';
import { stratifiedDraw } from './stratified-draw.js';

/** The draw is the same for every run. */
const SEED = 1;

/** At most `limit` training and `limit` validation samples; the data set itself where there is no limit. */
export function limitDataset(dataset: Dataset, limit: number | undefined): Dataset {
  if (limit === undefined) return dataset;
  const { source, info, tokenizer, labels, summary, frameText } = dataset;
  const places = [
    placesOf(dataset, 'training', 0, dataset.numTrain, limit),
    placesOf(dataset, 'validation', dataset.numTrain, dataset.numValidation, limit),
  ] as const;
  const [numTrain, numValidation] = [places[0].length, places[1].length];
  return {
    source,
    info,
    tokenizer,
    labels,
    numTrain,
    numValidation,
    digest: createHash('sha256').update(`${dataset.digest} ${limit}`).update(places[0]).update(places[1]).digest('hex'),
    ...(frameText === undefined ? {} : { frameText }),
    ...(summary === undefined ? {} : { summary: limited(summary, dataset, places) }),
    // Validation samples keep following on the training samples.
    read: (id, name, out, row) => {
      const place = id < numTrain ? places[0][id] : places[1][id - numTrain];
      dataset.read(place ?? -1, name, out, row);
    },
  };
}

/** Ids of the samples of a part that are kept: drawn by class, or the first ones where there are no classes. */
function placesOf(dataset: Dataset, purpose: string, from: number, length: number, limit: number): Int32Array {
  const count = Math.min(limit, length);
  if (count === length || !hasClasses(dataset)) return Int32Array.from({ length: count }, (_, i) => from + i);
  const classes = new Int32Array(length);
  for (let i = 0; i < length; i++) dataset.read(from + i, 'label', classes, i);
  return stratifiedDraw(classes, { count, seed: SEED, purpose, spare: 0 }).map((place) => from + place);
}

const hasClasses = ({ info }: Dataset): boolean =>
  info.classes !== null && info.fields.some(({ name, shape }) => name === 'label' && shape.length === 0);

/** Of what is kept; what is said of the files, of running text as well, stays. */
function limited(
  summary: DataSummary,
  whole: Dataset,
  [train, validation]: readonly [Int32Array, Int32Array],
): DataSummary {
  const isDrawn = hasClasses(whole);
  const told = (part: 'training' | 'validation', kept: number, of: number): DataSummary['limits'] =>
    kept === of ? [] : [{ part, kept, of, setting: 'limit-samples', isDrawn }];
  const ids = Int32Array.from([...train, ...validation]);
  return {
    ...summary,
    ...classesOf(summary, whole, ids, train.length),
    ...textsOf(summary, whole, ids, train.length),
    numTrain: train.length,
    numValidation: validation.length,
    limits: [
      ...summary.limits,
      ...told('training', train.length, whole.numTrain),
      ...told('validation', validation.length, whole.numValidation),
    ],
  };
}

function classesOf(
  { classes }: DataSummary,
  whole: Dataset,
  ids: Int32Array,
  numTrain: number,
): Pick<DataSummary, 'classes'> {
  if (classes === undefined || !hasClasses(whole)) return {};
  const labels = new Int32Array(ids.length);
  ids.forEach((id, row) => {
    whole.read(id, 'label', labels, row);
  });
  return { classes: classFacts(whole.labels, labels, numTrain, classes.alike) };
}

function textsOf(
  { tokens, shared }: DataSummary,
  { textFacts }: Dataset,
  ids: Int32Array,
  numTrain: number,
): Pick<DataSummary, 'tokens' | 'shared' | 'empty'> {
  if (textFacts === undefined || tokens === undefined) return {};
  const { unknown, cut, ...rest } = textFacts.of(ids, numTrain);
  return { tokens: { ...tokens, unknown, cut }, ...(shared === undefined ? {} : rest) };
}
