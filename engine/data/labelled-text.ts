// Data kinds `tsv`, `csv`, `jsonl` and `sst2`: lines of text with a label, for text classification.
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../core/errors.js';
import type { Dataset } from './dataset.js';
import type { DataKind, DataRequest } from './kind.js';
import { dataOptions } from './kind.js';
import { LABELLED_OPTIONS, LABELLED_PRESETS, labelledTable, VALIDATION_NAMES } from './labelled-table.js';
import { readRows, type RowFile, type RowFormat } from './separated-rows.js';
import { firstExisting, isFolder, SourceFiles } from './source-files.js';

const options = z.strictObject({
  ...LABELLED_OPTIONS,
  heading: z.boolean().optional().describe('whether the first line is a heading (default: told by its words)'),
  separator: z
    .enum(['comma', 'semicolon', 'tab'])
    .optional()
    .describe('csv: what separates the fields (default: comma, or semicolon where only that fits)'),
});

/** Paths of the file that trains and the one that validates; null where one file has all. */
function findFiles(path: string, format: RowFormat): readonly [train: string, validation: string | null] {
  if (!isFolder(path)) return [path, null];
  const named = (names: readonly string[]): string | null =>
    firstExisting(names.flatMap((name) => [join(path, `${name}.${format}`), join(path, `${name}.${format}.gz`)]));
  const train = named(['train']);
  if (train === null) {
    throw new DataError(
      'PT_DATA_MISSING',
      `no train.${format} in ${path}`,
      `a folder needs train.${format}, and dev.${format} or valid.${format} to validate; or name one file`,
    );
  }
  return [train, named(VALIDATION_NAMES)];
}

function open(request: DataRequest, format: RowFormat): Dataset {
  const { heading, separator, ...rest } = dataOptions(options, request);
  const files = new SourceFiles();
  const [trainPath, validationPath] = findFiles(request.path, format);
  const read = (path: string): RowFile => readRows(path, files.readText(path), format, separator);
  return labelledTable(request, rest, {
    files,
    tables: validationPath === null ? [read(trainPath)] : [read(trainPath), read(validationPath)],
    folder: isFolder(request.path) ? request.path : dirname(request.path),
    heading,
  });
}

/** Fields `tokens` [T] int32, `mask` [T] float32 (1 for real tokens), `label` [] int32. */
export const tsv: DataKind = {
  name: 'tsv',
  presets: LABELLED_PRESETS,
  summary: 'FILE, or DIR with train.tsv and dev.tsv: text, tab, label',
  open: (request) => open(request, 'tsv'),
};

/** As `tsv`, with commas and quotes. */
export const csv: DataKind = {
  name: 'csv',
  presets: LABELLED_PRESETS,
  summary: 'FILE, or DIR with train.csv and dev.csv: text, comma, label, quotes allowed',
  open: (request) => open(request, 'csv'),
};

/** As `tsv`, of JSON objects: their keys are the columns. */
export const jsonl: DataKind = {
  name: 'jsonl',
  presets: LABELLED_PRESETS,
  summary: 'FILE, or DIR with train.jsonl and dev.jsonl: an object with text and label per line',
  open: (request) => open(request, 'jsonl'),
};

/** The folder layout of the Stanford Sentiment Treebank: train.tsv and dev.tsv. */
export const sst2: DataKind = {
  name: 'sst2',
  presets: LABELLED_PRESETS,
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
