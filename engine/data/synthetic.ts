// Data kind `synthetic`: data sets drawn from a seed, without files, for trying things out and for tests. Each is
// learnable and has a known shape.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { bitsAt, randomKey } from '../core/random.js';
import { didYouMean } from '../core/suggest.js';
import { CharTokenizer } from './char-tokenizer.js';
import { encodeClassification } from './classification-text.js';
import { packedColumn } from './column.js';
import { classFacts, type DataSummary } from './data-summary.js';
import { type Dataset, MOST_TOKENS, type Tokenizer } from './dataset.js';
import { drawDigits } from './drawn-digits.js';
import type { DataKind, DataRequest } from './kind.js';
import { dataOptions } from './kind.js';
import { encodeLanguage } from './language-text.js';
import { legendTokenizer } from './legend-tokenizer.js';
import { makeReviews, makeStory } from './made-up-text.js';
import { SourceFiles } from './source-files.js';
import { TableDataset } from './table-dataset.js';

const common = {
  samples: z.number().int().min(5).default(2000).describe('samples, of which the last 20 % validate'),
  seed: z.number().int().nonnegative().default(1).describe('seed of the data; not that of the training'),
};
const imageOptions = z.strictObject({
  ...common,
  size: z.number().int().min(8).max(64).default(16).describe('height and width of the images'),
});
const textOptions = z.strictObject({
  ...common,
  sequence: z.number().int().min(4).max(MOST_TOKENS).optional().describe('tokens per sample'),
});
const copyOptions = z.strictObject({
  ...textOptions.shape,
  symbols: z.number().int().min(2).max(1000).default(16).describe('different symbols'),
});

const VALIDATION_SHARE = 0.2;

const split = (samples: number): { numTrain: number; numValidation: number } => {
  const numValidation = Math.floor(samples * VALIDATION_SHARE);
  return { numTrain: samples - numValidation, numValidation };
};

const DIGITS = [...'0123456789'];
/** By class id. */
const MOODS = ['bad', 'good'];

type Split = ReturnType<typeof split>;

/** What is known of drawn data before it is encoded. */
const made = (source: string, { numTrain, numValidation }: Split): Omit<DataSummary, 'tokens'> => ({
  source,
  numTrain,
  numValidation,
  files: [],
  split: { how: 'made' },
  limits: [],
});

/** Numbers that are drawn at most: more would be drawn until the memory is full. */
const MOST_NUMBERS = 2 ** 27;

/** Throws a UsageError (PT_DATA_OPTION) where so many samples of so many numbers are more. */
function requireNumbers({ source }: DataRequest, samples: number, each: number): void {
  if (samples * each <= MOST_NUMBERS) return;
  throw new UsageError(
    'PT_DATA_OPTION',
    `data ${source}: ${samples} samples of ${each} numbers are ${samples * each}, at most ${MOST_NUMBERS} are drawn`,
    'Give fewer or shorter samples with --data-options.',
  );
}

/** The digest covers what was drawn, so it changes when the drawing does. */
const digestOf = (...parts: readonly (string | NodeJS.ArrayBufferView)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

/** Noisy drawings of the ten digits. Fields `image` [S, S] float32 in about [-1, 2], `label` []. */
function digits(request: DataRequest): Dataset {
  const { samples, seed, size } = dataOptions(imageOptions, request);
  requireNumbers(request, samples, size * size);
  const { images, labels } = drawDigits(samples, size, seed);
  return new TableDataset({
    source: request.source,
    info: { task: 'image-classification', classes: 10, vocabulary: null, sequence: null },
    columns: [
      packedColumn({ name: 'image', shape: [size, size], dtype: 'float32' }, images),
      packedColumn({ name: 'label', shape: [], dtype: 'int32' }, labels),
    ],
    ...split(samples),
    digest: digestOf(images, labels),
    labels: DIGITS,
    summary: {
      ...made(request.source, split(samples)),
      classes: classFacts(DIGITS, labels, split(samples).numTrain),
      image: { height: size, width: size, channels: 1 },
    },
  });
}

/**
 * Random symbols, a separator, and the same symbols again: the second half can be predicted without error, the first
 * not at all. Best possible loss: (h - 1) ln(symbols) / T with h = floor(T / 2) symbols, the first being given. Fields
 * `tokens` [T], `targets` [T].
 */
function copy(request: DataRequest): Dataset {
  const { samples, seed, sequence, symbols } = dataOptions(copyOptions, request);
  const T = sequence ?? request.defaultSequence ?? 32;
  requireNumbers(request, samples, T);
  const half = Math.floor(T / 2);
  const separator = symbols;
  const tokens = new Int32Array(samples * T);
  const targets = new Int32Array(samples * T);
  for (let id = 0; id < samples; id++) {
    const key = randomKey(seed, 'synthetic:copy', id);
    // T + 1 tokens: symbols, separator, symbols; where T is odd the last symbol is followed by the separator.
    const symbolAt = (i: number): number =>
      i % (half + 1) === half ? separator : Math.floor((bitsAt(key, i % (half + 1)) / 2 ** 32) * symbols);
    for (let i = 0; i < T; i++) {
      tokens[id * T + i] = symbolAt(i);
      targets[id * T + i] = symbolAt(i + 1);
    }
  }
  return new TableDataset({
    source: request.source,
    info: { task: 'language-model', classes: null, vocabulary: symbols + 1, sequence: T },
    columns: [
      packedColumn({ name: 'tokens', shape: [T], dtype: 'int32' }, tokens),
      packedColumn({ name: 'targets', shape: [T], dtype: 'int32' }, targets),
    ],
    ...split(samples),
    digest: digestOf(tokens, targets),
    summary: made(request.source, split(samples)),
  });
}

/** A story of small sentences, as characters. Fields `tokens` [T], `targets` [T]. */
function story(request: DataRequest): Dataset {
  const { samples, seed, sequence } = dataOptions(textOptions, request);
  const T = sequence ?? request.defaultSequence ?? 64;
  requireNumbers(request, samples, T);
  const { numTrain, numValidation } = split(samples);
  const train = makeStory(numTrain * T + 1, seed, 'train');
  const validation = makeStory(numValidation * T + 1, seed, 'validation');
  return encodeLanguage({
    source: request.source,
    train,
    validation,
    tokenizer: storyTokenizer(train + validation, request),
    sequence: T,
    digest: digestOf(train, validation),
    facts: { files: [], split: { how: 'made' } },
    isLengthGiven: true,
  });
}

const storyTokenizer = (whole: string, request: DataRequest): Tokenizer =>
  legendTokenizer(request, [whole]) ?? new CharTokenizer(whole);

/** Made-up reviews, good (1) or bad (0); negations turn them round. Fields `tokens` [T], `mask` [T], `label` []. */
function sentiment(request: DataRequest): Dataset {
  const { samples, seed, sequence } = dataOptions(textOptions, request);
  requireNumbers(request, samples, sequence ?? request.defaultSequence ?? 16);
  const { texts, labels } = makeReviews(samples, seed);
  const { numTrain } = split(samples);
  return encodeClassification({
    source: request.source,
    texts: { train: texts.slice(0, numTrain), validation: texts.slice(numTrain), labels, names: MOODS },
    folder: '',
    sequence: sequence ?? request.defaultSequence ?? 16,
    choice: { tokenizer: 'words', vocabulary: 1000, lowercase: true, legend: legendTokenizer(request, texts) },
    files: new SourceFiles(),
    facts: {
      ...made(request.source, split(samples)),
      classes: classFacts(MOODS, labels, numTrain),
    },
    digest: () => digestOf(texts.join('\n'), labels),
  });
}

const SETS: Readonly<Record<string, (request: DataRequest) => Dataset>> = { digits, copy, text: story, sentiment };

export const synthetic: DataKind = {
  name: 'synthetic',
  place: 'NAME',
  summary: `NAME of a drawn data set: ${Object.keys(SETS).join(', ')}`,
  open(request) {
    const make = Object.hasOwn(SETS, request.path) ? SETS[request.path] : undefined;
    if (make === undefined) {
      throw new UsageError(
        'PT_DATA_KIND',
        `there is no synthetic data "${request.path}".${didYouMean(request.path, Object.keys(SETS))}`,
        `synthetic data: ${Object.keys(SETS).join(', ')}`,
      );
    }
    return make(request);
  },
};
