// Data kinds `tsv`, `csv` and `sst2`: lines of text with a label, for text classification.
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../core/errors.js';
import { encodeClassification } from './classification-text.js';
import type { DataKind, DataRequest } from './kind.js';
import { dataOptions } from './kind.js';
import type { LabelledLine, LineFormat } from './labelled-lines.js';
import { classNames, parseLines } from './labelled-lines.js';
import { firstExisting, isFolder, SourceFiles } from './source-files.js';
import { TOKENIZER_NAMES } from './tokenizer-choice.js';

const options = z.strictObject({
  sequence: z
    .number()
    .int()
    .min(2)
    .optional()
    .describe('tokens per sample, class token included (default: enough for 99 % of the training texts)'),
  tokenizer: z
    .enum(TOKENIZER_NAMES)
    .optional()
    .describe('default: wordpiece where a vocab.txt lies beside the data, else words'),
  vocab: z.string().optional().describe('wordpiece: the vocabulary file'),
  vocabulary: z
    .number()
    .int()
    .positive()
    .default(8000)
    .describe('words: the most frequent words of the training texts that are kept'),
  lowercase: z.boolean().default(true).describe('words, wordpiece: fold case'),
  maxTrain: z.number().int().positive().optional().describe('most samples to train on'),
  maxValidation: z.number().int().positive().optional().describe('most samples to validate on'),
});

const PRESETS = ['tokenizer', 'vocab', 'lowercase'] as const;
const VALIDATION_NAMES = ['dev', 'valid', 'validation', 'val', 'test'];
/** Share of a single file that validates: the last 10 %. */
const VALIDATION_SHARE = 0.1;

interface Split {
  readonly path: string;
  readonly lines: readonly LabelledLine[];
}

/** Training and validation lines of a folder or a file. */
function readSplits(files: SourceFiles, path: string, format: LineFormat): readonly [Split, Split] {
  const read = (file: string): Split => ({ path: file, lines: parseLines(file, files.readText(file), format) });
  let trainPath = path;
  if (isFolder(path)) {
    const named = (names: readonly string[]): string | null =>
      firstExisting(names.flatMap((name) => [join(path, `${name}.${format}`), join(path, `${name}.${format}.gz`)]));
    const found = named(['train']);
    if (found === null) {
      throw new DataError(
        'PT_DATA_MISSING',
        `no train.${format} in ${path}`,
        `a folder needs train.${format}, and dev.${format} or valid.${format} to validate; or name one file`,
      );
    }
    const validationPath = named(VALIDATION_NAMES);
    if (validationPath !== null) return [read(found), read(validationPath)];
    trainPath = found;
  }
  const all = read(trainPath);
  const numValidation = Math.floor(all.lines.length * VALIDATION_SHARE);
  if (numValidation === 0) {
    throw new DataError(
      'PT_DATA_SIZE',
      `${trainPath} has ${all.lines.length} samples; the last tenth validates, which needs at least 10`,
      'add lines, or put validation lines into a file of their own',
    );
  }
  const cut = all.lines.length - numValidation;
  return [
    { path: trainPath, lines: all.lines.slice(0, cut) },
    { path: trainPath, lines: all.lines.slice(cut) },
  ];
}

function classIds(names: readonly string[], { path, lines }: Split): Int32Array {
  const index = new Map(names.map((name, i) => [name, i]));
  return Int32Array.from(lines, ({ label, line }) => {
    const id = index.get(label);
    if (id === undefined) {
      const known = names.slice(0, 10).join(', ') + (names.length > 10 ? ', ...' : '');
      throw new DataError(
        'PT_DATA_LABEL',
        `${path}:${line}: label "${label}" is none of the ${names.length} labels of the training lines (${known})`,
        'correct the label, or add training lines with it',
      );
    }
    return id;
  });
}

function open(request: DataRequest, format: LineFormat) {
  const { sequence, maxTrain, maxValidation, ...choice } = dataOptions(options, request);
  const files = new SourceFiles();
  const [allTrain, allValidation] = readSplits(files, request.path, format);
  const train = { ...allTrain, lines: allTrain.lines.slice(0, maxTrain) };
  const validation = { ...allValidation, lines: allValidation.lines.slice(0, maxValidation) };
  const names = classNames(train.lines.map(({ label }) => label));
  if (names.length < 2) {
    throw new DataError(
      'PT_DATA_CLASSES',
      `${train.path} has 1 label (${names[0]}), a classifier needs at least 2`,
      'check that the label is the last column',
    );
  }
  const labels = [...classIds(names, train), ...classIds(names, validation)];
  return encodeClassification({
    source: request.source,
    texts: {
      train: train.lines.map(({ text }) => text),
      validation: validation.lines.map(({ text }) => text),
      labels: Int32Array.from(labels),
      names,
    },
    folder: isFolder(request.path) ? request.path : dirname(request.path),
    sequence: sequence ?? request.defaultSequence,
    choice,
    files,
  });
}

/** Fields `tokens` [T] int32, `mask` [T] float32 (1 for real tokens), `label` [] int32. */
export const tsv: DataKind = {
  name: 'tsv',
  presets: PRESETS,
  summary: 'FILE, or DIR with train.tsv and dev.tsv: text, tab, label',
  open: (request) => open(request, 'tsv'),
};

/** As `tsv`, with commas and quotes. */
export const csv: DataKind = {
  name: 'csv',
  presets: PRESETS,
  summary: 'FILE, or DIR with train.csv and dev.csv: text, comma, label, quotes allowed',
  open: (request) => open(request, 'csv'),
};

/** The folder layout of the Stanford Sentiment Treebank: train.tsv and dev.tsv. */
export const sst2: DataKind = {
  name: 'sst2',
  presets: PRESETS,
  summary: 'DIR with train.tsv and dev.tsv of the Stanford Sentiment Treebank',
  open(request) {
    if (!isFolder(request.path)) {
      throw new DataError(
        'PT_DATA_FOLDER',
        `${request.path} is a file, not a folder`,
        `use tsv:${basename(request.path)} for one file, or name the folder with train.tsv and dev.tsv`,
      );
    }
    return open(request, 'tsv');
  },
};
