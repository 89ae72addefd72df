// LabelledTable: from the rows of the files of a data set to a Dataset of labelled texts: which columns are meant,
// which classes there are, which rows validate. It does not know the format of the files.
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { z } from 'zod';
import { encodeClassification } from './classification-text.js';
import { classFacts, type DataSummary } from './data-summary.js';
import { type Dataset, MOST_TOKENS } from './dataset.js';
import type { DataRequest } from './kind.js';
import { type LabelColumns, labelColumns, requireOrder } from './label-columns.js';
import { alikeNames, classNames, labelledLines, requireClasses } from './labelled-lines.js';
import { classIds, type LabelledPart, type LabelledParts, labelledParts } from './labelled-parts.js';
import { labelsBy } from './legend.js';
import { legendTokenizer } from './legend-tokenizer.js';
import { columnName, otherColumns, requireOneText } from './other-columns.js';
import type { RowFile } from './separated-rows.js';
import type { SourceFiles } from './source-files.js';
import { tokenizerOption } from './tokenizer-choice.js';

const column = z.union([z.number().int().positive(), z.string().min(1)]);
export const LABELLED_OPTIONS = {
  text: column.optional().describe('column of the texts: its name in the heading, or its number from 1'),
  pair: column.optional().describe('column of the second texts, where samples are pairs, as of premise and hypothesis'),
  label: column.optional().describe('column of the labels: its name in the heading, or its number from 1'),
  classes: z.number().int().min(2).optional().describe('how many classes there are; other numbers are refused'),
  validation: z
    .number()
    .positive()
    .max(0.5)
    .default(0.1)
    .describe('one file: share that validates, drawn so that every class keeps its share'),
  splitSeed: z
    .number()
    .int()
    .nonnegative()
    .default(1)
    .describe('seed of what is drawn: the validation part, maxTrain, maxValidation; not that of the run'),
  sequence: z
    .number()
    .int()
    .min(2)
    .max(MOST_TOKENS)
    .optional()
    .describe('tokens per sample, class token included (default: enough for 99 % of the training texts, at most 256)'),
  tokenizer: tokenizerOption
    .optional()
    .describe(
      'chars, bytes, words, wordpiece (of vocab), or trained on the training texts: bpe:N, wordpiece:N, N tokens ' +
        '(default: that of vocab, or of a tokenizer.json or vocab.txt beside the data, else words)',
    ),
  vocab: z
    .string()
    .optional()
    .describe('a tokenizer.json, a vocabulary with one token per line, or a folder with either'),
  vocabulary: z
    .number()
    .int()
    .positive()
    .default(8000)
    .describe('words: the most frequent words of the training texts that are kept'),
  lowercase: z
    .boolean()
    .optional()
    .describe('words, wordpiece: fold case (default: as the files of the tokenizer say, else true)'),
  maxTrain: z.number().int().positive().optional().describe('most samples to train on, drawn by class'),
  maxValidation: z.number().int().positive().optional().describe('most samples to validate on, drawn by class'),
} as const;

export type LabelledOptions = z.infer<z.ZodObject<typeof LABELLED_OPTIONS>>;

/** Options that a model may preset. */
export const LABELLED_PRESETS = ['tokenizer', 'vocab', 'lowercase'] as const;
/** Columns that are not used and named all the same. */
const LISTED_UNUSED = 8;
/** Names of files and splits that validate, in the order in which one is chosen. */
export const VALIDATION_NAMES: readonly string[] = ['dev', 'valid', 'validation', 'val', 'test'];

export interface LabelledFiles {
  readonly files: SourceFiles;
  /** The rows that train, and where there are any of their own those that validate. */
  readonly tables: readonly [RowFile, RowFile?];
  /** Where a tokenizer may lie. */
  readonly folder: string;
  /** Whether the first line of a file is a heading, where the user says it. */
  readonly heading?: boolean | undefined;
  /** Names of the classes by their ids, by the column of the labels, where the files have them. */
  readonly classNames?: (column: number) => readonly string[] | null;
}

/** Makes the data set. Throws as its parts do. */
export function labelledTable(request: DataRequest, options: LabelledOptions, read: LabelledFiles): Dataset {
  const { sequence, maxTrain, maxValidation, validation, splitSeed, text, pair, label, classes, ...choice } = options;
  const { files, folder, heading } = read;
  const tables = read.tables.filter((table) => table !== undefined);
  const columns = labelColumns(tables, { text, label, pair, heading });
  const parts = tables.map((table, at): LabelledPart => {
    const own = columns[at] as LabelColumns;
    requireOrder(table, own);
    requireOneText(table, own, { text, label, pair, heading });
    return { path: table.path, lines: labelledLines(table, own) };
  });
  const [first] = parts as [LabelledPart, LabelledPart?];
  const names =
    read.classNames?.((columns[0] as LabelColumns).label) ?? classNames(first.lines.map((line) => line.label));
  requireClasses(first.path, names, first.lines.length, classes);
  const found = labelledParts(parts as [LabelledPart, LabelledPart?], names, {
    validation,
    splitSeed,
    maxTrain,
    maxValidation,
  });
  // What is drawn is drawn by the labels of these data, whatever their numbers.
  const named = labelsBy(names, request.legend);
  const labels = Int32Array.from([...classIds(named, found.train), ...classIds(named, found.validation)]);
  const trainTexts = found.train.lines.map((line) => line.text);
  const second = {
    train: found.train.lines.map((line) => line.second),
    validation: found.validation.lines.map((line) => line.second),
  };
  return encodeClassification({
    source: request.source,
    texts: {
      train: trainTexts,
      second: pair === undefined ? undefined : second,
      validation: found.validation.lines.map((line) => line.text),
      labels,
      names: named,
    },
    folder,
    sequence: sequence ?? request.defaultSequence,
    choice: { ...choice, legend: legendTokenizer(request, trainTexts) },
    files,
    facts: factsOf({ source: request.source, tables, columns, parts, names: named, found, labels }),
    digest: () => digestOf(files, found, labels, columns[0]?.pair ?? null),
  });
}

interface Reading {
  readonly source: string;
  readonly tables: readonly RowFile[];
  readonly columns: readonly LabelColumns[];
  readonly parts: readonly LabelledPart[];
  readonly names: readonly string[];
  readonly found: LabelledParts;
  readonly labels: Int32Array;
}

function factsOf({
  source,
  tables,
  columns,
  parts,
  names,
  found,
  labels,
}: Reading): Omit<DataSummary, 'shared' | 'empty'> {
  const { train, validation, split, limits } = found;
  const [first] = columns as [LabelColumns];
  const others = otherColumns(tables[0] as RowFile, first);
  return {
    source,
    numTrain: train.lines.length,
    numValidation: validation.lines.length,
    files: parts.map(({ path, lines }, at) => ({
      path: basename(path),
      samples: lines.length,
      part: parts.length === 1 ? 'both' : at === 0 ? 'training' : 'validation',
      heading: tables[at]?.names !== null ? null : columns[at]?.isFirstRow === true ? 'taken' : 'none',
    })),
    columns: {
      text: columnName(first, first.text),
      ...(first.pair === null ? {} : { pair: columnName(first, first.pair) }),
      label: columnName(first, first.label),
      separator: tables[0]?.separator ?? '',
      unused: { count: others.length, names: others.slice(0, LISTED_UNUSED).map((at) => columnName(first, at)) },
    },
    split,
    limits,
    classes: classFacts(names, labels, train.lines.length, alikeNames(names)),
  };
}

/** Of the files and of what was made of them: which line is which sample, with which class. */
function digestOf(
  files: SourceFiles,
  { train, validation }: LabelledParts,
  labels: Int32Array,
  pair: number | null,
): string {
  const lines = Int32Array.from([...train.lines, ...validation.lines], ({ line }) => line);
  const sizes = Int32Array.of(train.lines.length, validation.lines.length);
  const paired = pair === null ? [] : [Int32Array.of(pair)];
  return [sizes, lines, labels, ...paired]
    .reduce((hash, part) => hash.update(part), createHash('sha256').update(files.digest()))
    .digest('hex');
}
