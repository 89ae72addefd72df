// Encoding of labelled texts: framed token ids of fixed length, and the mask of the real ones. It does not know where
// the texts come from.
import { UsageError } from '../core/errors.js';
import { maskColumn, packedColumn, tokenArray } from './column.js';
import type { DataSummary } from './data-summary.js';
import { type EncodedSamples, encodeSamples } from './encoded-samples.js';
import { type FramedText, framedText } from './framed-text.js';
import { pairFrameLength } from './pair-frame.js';
import type { Framing } from './sample-frame.js';
import { type SourceFiles, TOKENS_LIMIT } from './source-files.js';
import { TableDataset, type TableParts } from './table-dataset.js';
import { TextFacts } from './text-facts.js';
import type { FilledFraming, TokenizerOptions } from './tokenizer-choice.js';
import { classificationTokenizer } from './tokenizer-choice.js';

/** The texts of the samples of both parts. */
export interface PartTexts {
  readonly train: readonly string[];
  readonly validation: readonly string[];
}

export interface LabelledTexts extends PartTexts {
  /** The second texts, where samples are pairs. */
  readonly second?: PartTexts | undefined;
  /** Classes of the training texts, then of the validation texts. */
  readonly labels: Int32Array;
  /** Names of the classes, by their ids. */
  readonly names: readonly string[];
}

export interface ClassificationOptions {
  readonly source: string;
  readonly texts: LabelledTexts;
  /** Where a tokenizer.json or a vocab.txt may lie. */
  readonly folder: string;
  /** Tokens per sample, or null to choose it by the lengths of the training texts. */
  readonly sequence: number | null;
  readonly choice: TokenizerOptions;
  readonly files: SourceFiles;
  /** What is known of the texts before they are encoded. */
  readonly facts: Omit<DataSummary, 'tokens' | 'shared' | 'empty'>;
  /** Asked for after the vocabulary was read. */
  readonly digest: () => string;
}

/** Share of the training texts that the automatic length holds whole. */
const HELD_SHARE = 0.99;
const LONGEST_AUTOMATIC = 256;

/** A length, multiple of 8, that holds nearly all of the texts. */
function automaticSequence(lengths: readonly number[]): number {
  const sorted = [...lengths].sort((a, b) => a - b);
  const held = sorted[Math.ceil(HELD_SHARE * sorted.length) - 1] ?? 1;
  return Math.min(LONGEST_AUTOMATIC, Math.ceil(held / 8) * 8);
}

/** Throws UsageError PT_DATA_OPTION where a sample of so many tokens is none that the tokenizer makes. */
function requireLength(framing: Framing, sequence: number | null): void {
  if (sequence === null) return;
  const { tokenizer, prefix, suffix, pair, mostTokens } = framing;
  const frameLength = pair === undefined ? prefix.length + suffix.length : pairFrameLength(pair);
  const whose = `the tokenizer ${tokenizer.file ?? tokenizer.name}`;
  if (sequence <= frameLength)
    throw new UsageError(
      'PT_DATA_OPTION',
      `sequence=${sequence} leaves no place for a text: ${whose} frames it with ${frameLength} tokens`,
      `use sequence=${frameLength + 1} or more`,
    );
  if (mostTokens !== null && sequence > mostTokens)
    throw new UsageError(
      'PT_DATA_OPTION',
      `sequence=${sequence} is above the ${mostTokens} tokens that the files of ${whose} allow (model_max_length)`,
      `use sequence=${mostTokens} or less`,
    );
}

/** Throws a UsageError (PT_DATA_OPTION) where so many samples of so many tokens are more than is held. */
function requireRoomFor(source: string, numSamples: number, T: number, vocabulary: number): void {
  const bytes = numSamples * T * tokenArray(vocabulary, 0).BYTES_PER_ELEMENT;
  if (bytes <= TOKENS_LIMIT) return;
  throw new UsageError(
    'PT_DATA_OPTION',
    `data ${source}: ${numSamples} samples of sequence=${T} tokens take ${bytes} bytes, at most ${TOKENS_LIMIT} are ` +
      'held',
    `use sequence=${Math.floor((T * TOKENS_LIMIT) / bytes)} or less, or fewer samples (maxTrain=N)`,
  );
}

/** Tokens of a sample from which a length that no text comes near is none that anybody means. */
const MUCH = 8192;
const TIMES_LONGEST = 16;

/** Throws a UsageError (PT_DATA_OPTION) where samples would be many times as long as the longest text. */
function requireNearTexts(source: string, T: number, lengths: readonly number[]): void {
  const longest = lengths.reduce((most, length) => Math.max(most, length), 1);
  if (T <= MUCH || T <= TIMES_LONGEST * longest) return;
  throw new UsageError(
    'PT_DATA_OPTION',
    `data ${source}: sequence=${T} is ${Math.floor(T / longest)} times the longest text, which has ${longest} tokens`,
    `use sequence=${longest}, which holds all`,
  );
}

/** Makes samples of T tokens of texts that are not in the data; of pairs there is none of one text. */
const framerOf = (framing: FilledFraming, T: number): Pick<TableParts, 'frameText'> =>
  framing.pair === undefined
    ? {
        frameText: (text: string): FramedText =>
          framedText(framing.tokenizer.encode(text), { ...framing, sequence: T, unknown: framing.tokenizer.unknown }),
      }
    : {};

/** What tells equal samples. */
const sampleTexts = ({ train, validation, second }: LabelledTexts): string[] => {
  const seconds = second === undefined ? [] : [...second.train, ...second.validation];
  return [...train, ...validation].map((text, i) => {
    const other = seconds[i] ?? '';
    return other === '' ? text : `${text}\0${other}`;
  });
};

/** The tokenizer and the frame of a sample: of one text, or of two. */
function framingOf({ choice, folder, texts, files }: ClassificationOptions): FilledFraming {
  const { train, second } = texts;
  const framing = classificationTokenizer(choice, folder, second === undefined ? train : [...train, ...second.train], {
    files,
    isPair: second !== undefined,
  });
  const { pair, ...single } = framing;
  if (second === undefined) return single;
  if (pair !== undefined) return framing;
  const { file, name } = framing.tokenizer;
  throw new UsageError(
    'PT_DATA_OPTION',
    `the option pair makes samples of two texts; ${file ?? `the tokenizer ${name}`} does not say how it frames them`,
    'use a tokenizer whose post_processor has a template for pairs, as that of BERT or RoBERTa; or leave pair out',
  );
}

/** Makes the data set: fields `tokens`, `mask` and `label`, and of pairs `types`. */
export function encodeClassification(options: ClassificationOptions): TableDataset {
  const { source, texts, sequence, facts, digest } = options;
  const { train, validation, labels, names, second } = texts;
  const framing = framingOf(options);
  requireLength(framing, sequence);
  const longest = Math.min(LONGEST_AUTOMATIC, framing.mostTokens ?? Infinity);
  const encoded = encodeSamples(
    framing,
    [...train, ...validation],
    second === undefined ? null : [...second.train, ...second.validation],
    sequence ?? longest,
  );
  const T = sequence ?? Math.min(longest, automaticSequence(encoded.lengths.slice(0, train.length)));
  const numSamples = encoded.lengths.length;
  requireRoomFor(source, numSamples, T, framing.tokenizer.size);
  requireNearTexts(source, T, encoded.lengths);
  const textFacts = factsOf(encoded, framing, texts, T);
  const ids = Int32Array.from({ length: numSamples }, (_, id) => id);
  const { unknown, cut, ...of } = textFacts.of(ids, train.length);
  const { tokens, lengths, types } = encoded.rows(T);
  return new TableDataset({
    source,
    info: { task: 'text-classification', classes: names.length, vocabulary: framing.tokenizer.size, sequence: T },
    columns: [
      packedColumn({ name: 'tokens', shape: [T], dtype: 'int32' }, tokens),
      maskColumn({ name: 'mask', shape: [T], dtype: 'float32' }, lengths),
      ...(types === null ? [] : [packedColumn({ name: 'types', shape: [T], dtype: 'int32' }, types)]),
      packedColumn({ name: 'label', shape: [], dtype: 'int32' }, labels),
    ],
    numTrain: train.length,
    numValidation: validation.length,
    digest: digest(),
    tokenizer: framing.tokenizer,
    labels: names,
    textFacts,
    ...framerOf(framing, T),
    summary: {
      ...facts,
      ...(facts.split.how === 'made' ? {} : of),
      tokens: {
        tokenizer: framing.tokenizer.name,
        size: framing.tokenizer.size,
        file: framing.tokenizer.file,
        unknown,
        sequence: T,
        isGiven: sequence !== null,
        most: framing.mostTokens,
        cut,
      },
    },
  });
}

const factsOf = (
  { lengths, unknowns }: EncodedSamples,
  { tokenizer }: FilledFraming,
  texts: LabelledTexts,
  T: number,
): TextFacts =>
  new TextFacts(sampleTexts(texts), { lengths, unknowns: tokenizer.unknown === null ? null : unknowns }, T);
