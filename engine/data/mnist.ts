// Data kind `mnist`: images and labels in the IDX format of MNIST, gzip or not.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../core/errors.js';
import { byteColumn, packedColumn } from './column.js';
import { classFacts, type DataSummary } from './data-summary.js';
import { readIdx } from './idx.js';
import { imageClasses } from './image-labels.js';
import type { DataKind } from './kind.js';
import { dataOptions } from './kind.js';
import { labelsBy } from './legend.js';
import { firstExisting, isFolder, SourceFiles } from './source-files.js';
import { stratifiedDraw } from './stratified-draw.js';
import { TableDataset } from './table-dataset.js';

const options = z.strictObject({
  maxTrain: z.number().int().positive().optional().describe('most samples to train on, drawn by class'),
  maxValidation: z.number().int().positive().optional().describe('most samples to validate on, drawn by class'),
  split: z
    .enum(['last', 'drawn'])
    .optional()
    .describe(
      'one pair of files: the last fifth validates, or a fifth drawn by class (default: last, if it has all classes)',
    ),
  splitSeed: z.number().int().nonnegative().default(1).describe('seed of what is drawn; not that of the run'),
  classes: z
    .number()
    .int()
    .min(2)
    .max(256)
    .optional()
    .describe('how many classes there are (default: up to the highest label, where most of these have images)'),
});

/** Mean and standard deviation of the pixels of MNIST's training images, scaled to [0, 1]. */
const PIXEL_MEAN = 0.1307;
const PIXEL_STD = 0.3081;
/** Share that validates where one pair of files holds everything. */
const VALIDATION_SHARE = 0.2;

interface Pair {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

/** The path of an IDX file by its usual spellings, or null. */
function locate(folder: string, prefix: string, what: 'images-idx3' | 'labels-idx1'): string | null {
  const names = [`${prefix}${what}-ubyte`, `${prefix}${what.replace('-idx', '.idx')}-ubyte`];
  return firstExisting(names.flatMap((name) => [join(folder, name), join(folder, `${name}.gz`)]));
}

function readPair(files: SourceFiles, imagePath: string, labelPath: string): Pair {
  const images = readIdx(files, imagePath, 3);
  const labels = readIdx(files, labelPath, 1);
  const [count = 0, height = 0, width = 0] = images.shape;
  if (count !== labels.shape[0]) {
    throw new DataError(
      'PT_DATA_COUNT',
      `${imagePath} has ${count} images, ${labelPath} has ${labels.shape[0]} labels`,
      'the two files belong to different sets or one is incomplete; download both again',
    );
  }
  return { count, height, width, pixels: images.data, labels: labels.data };
}

function findPair(files: SourceFiles, folder: string, prefix: string): Pair | null {
  const images = locate(folder, prefix, 'images-idx3');
  const labels = locate(folder, prefix, 'labels-idx1');
  if (images === null && labels === null) return null;
  if (images === null || labels === null) {
    const [there, absent] =
      images === null ? [labels, `${prefix}images-idx3-ubyte[.gz]`] : [images, `${prefix}labels-idx1-ubyte[.gz]`];
    throw new DataError(
      'PT_DATA_MISSING',
      `${there} is there, but ${join(folder, absent)} is not`,
      'put images and labels into the same folder',
    );
  }
  return readPair(files, images, labels);
}

interface Split {
  readonly train: Pair;
  readonly validation: Pair;
  readonly split: DataSummary['split'];
}

interface SplitOptions {
  readonly split?: 'last' | 'drawn' | undefined;
  readonly splitSeed: number;
}

/** The training pair and the validation pair of a folder. */
function readPairs(files: SourceFiles, folder: string, options: SplitOptions): Split {
  const train = findPair(files, folder, 'train-');
  const test = findPair(files, folder, 't10k-');
  if (train !== null && test !== null) {
    if (train.height !== test.height || train.width !== test.width) {
      throw new DataError(
        'PT_DATA_SIZE',
        `${folder}: training images are ${train.height}x${train.width}, test images ${test.height}x${test.width}`,
        'the two sets do not belong together',
      );
    }
    return { train, validation: test, split: { how: 'file' } };
  }
  const only = train ?? test ?? findPair(files, folder, '');
  if (only === null) {
    const wanted =
      'train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, or ' +
      'images-idx3-ubyte, labels-idx1-ubyte (each may end in .gz)';
    throw new DataError('PT_DATA_MISSING', `no MNIST files in ${folder}`, `expected ${wanted}`);
  }
  const numTrain = only.count - Math.floor(only.count * VALIDATION_SHARE);
  if (numTrain === only.count) {
    throw new DataError(
      'PT_DATA_SIZE',
      `${folder} has ${only.count} images; a fifth of them must validate, at least 1`,
      'use at least 5 images',
    );
  }
  return splitPair(only, numTrain, options);
}

/** The last fifth, as these sets are used, unless the images lie sorted by class; then a fifth of every class. */
function splitPair(only: Pair, numTrain: number, { split, splitSeed }: SplitOptions): Split {
  const last = {
    train: slicePair(only, 0, numTrain),
    validation: slicePair(only, numTrain, only.count),
    split: { how: 'last', share: VALIDATION_SHARE },
  } as const;
  const count = only.count - numTrain;
  const [train, validation, all] = [last.train, last.validation, only].map(({ labels }) => new Set(labels).size);
  // So few images hold no class of everything, however they are taken.
  const isEven = train === all && (validation === all || count < (all ?? 0));
  if (split === 'last' || (split === undefined && isEven)) return last;
  const drawn = stratifiedDraw(only.labels, { count, seed: splitSeed, purpose: 'validation', spare: 1 });
  const isDrawn = new Set(drawn);
  const others = Int32Array.from({ length: only.count }, (_, place) => place).filter((place) => !isDrawn.has(place));
  return {
    train: pickPair(only, others),
    validation: pickPair(only, drawn),
    split: { how: 'drawn', share: VALIDATION_SHARE, seed: splitSeed },
  };
}

/** The images at these places. */
function pickPair(pair: Pair, places: Int32Array): Pair {
  const size = pair.height * pair.width;
  const pixels = new Uint8Array(places.length * size);
  places.forEach((place, i) => pixels.set(pair.pixels.subarray(place * size, (place + 1) * size), i * size));
  return { ...pair, count: places.length, pixels, labels: Uint8Array.from(places, (place) => pair.labels[place] ?? 0) };
}

/** At most so many, drawn by class: the first ones may be of one. */
function limitPair(
  pair: Pair,
  part: 'training' | 'validation',
  most: number | undefined,
  seed: number,
): { readonly pair: Pair; readonly told: DataSummary['limits'] } {
  if (most === undefined || most >= pair.count) return { pair, told: [] };
  const setting = part === 'training' ? 'maxTrain' : 'maxValidation';
  const places = stratifiedDraw(pair.labels, { count: most, seed, purpose: setting, spare: 0 });
  return { pair: pickPair(pair, places), told: [{ part, kept: most, of: pair.count, setting, isDrawn: true }] };
}

const slicePair = (pair: Pair, from: number, to: number): Pair => {
  const size = pair.height * pair.width;
  return {
    ...pair,
    count: to - from,
    pixels: pair.pixels.subarray(from * size, to * size),
    labels: pair.labels.subarray(from, to),
  };
};

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
};

/** Fields `image` [H, W] float32, normalised, and `label` [] int32. */
export const mnist: DataKind = {
  name: 'mnist',
  summary: 'DIR with IDX images and labels (MNIST and its relatives)',
  open(request) {
    const { maxTrain, maxValidation, split, splitSeed, classes } = dataOptions(options, request);
    if (!isFolder(request.path)) {
      throw new DataError(
        'PT_DATA_FOLDER',
        `${request.path} is a file, not a folder`,
        'name the folder that holds the IDX files',
      );
    }
    const files = new SourceFiles();
    const found = readPairs(files, request.path, { split, splitSeed });
    const limited = [
      limitPair(found.train, 'training', maxTrain, splitSeed),
      limitPair(found.validation, 'validation', maxValidation, splitSeed),
    ] as const;
    const [train, validation] = [limited[0].pair, limited[1].pair];
    const labels = concat(train.labels, validation.labels);
    // Before some are drawn: a class that is left out then is none that is missing.
    const own = imageClasses({
      source: request.path,
      train: found.train.labels,
      validation: found.validation.labels,
      classes,
    });
    // Labels are their own numbers, so that only a legend of such numbers fits.
    const known = labelsBy(own, request.legend);
    const names = own.every((name, id) => known[id] === name) ? known : own;
    // Then the bytes of the files do not say which image is which sample.
    const isDrawn = found.split.how === 'drawn' || limited.some(({ told }) => told.length > 0);
    const table = Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - PIXEL_MEAN) / PIXEL_STD);
    return new TableDataset({
      source: request.source,
      info: {
        task: 'image-classification',
        classes: names.length,
        vocabulary: null,
        sequence: null,
      },
      columns: [
        byteColumn(
          { name: 'image', shape: [train.height, train.width], dtype: 'float32' },
          concat(train.pixels, validation.pixels),
          table,
        ),
        packedColumn({ name: 'label', shape: [], dtype: 'int32' }, labels),
      ],
      numTrain: train.count,
      numValidation: validation.count,
      digest: isDrawn ? createHash('sha256').update(files.digest()).update(labels).digest('hex') : files.digest(),
      labels: names,
      summary: {
        source: request.source,
        numTrain: train.count,
        numValidation: validation.count,
        files: [],
        split: found.split,
        limits: limited.flatMap(({ told }) => told),
        classes: classFacts(names, labels, train.count),
        image: { height: train.height, width: train.width, channels: 1 },
      },
    });
  },
};
