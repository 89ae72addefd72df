// Encoding of labelled texts: framed token ids of fixed length, and the mask of the real ones. It does not know where
// the texts come from.
import { UsageError } from '../core/errors.js';
import type { TokenArray } from './column.js';
import { maskColumn, packedColumn, tokenArray } from './column.js';
import type { DataSummary } from './data-summary.js';
import { type FramedText, framedText } from './framed-text.js';
import type { Framing } from './sample-frame.js';
import { type SourceFiles, TOKENS_LIMIT } from './source-files.js';
import { TableDataset } from './table-dataset.js';
import { TextFacts } from './text-facts.js';
import type { FilledFraming, TokenizerOptions } from './tokenizer-choice.js';
import { classificationTokenizer } from './tokenizer-choice.js';

export interface LabelledTexts {
  readonly train: readonly string[];
  readonly validation: readonly string[];
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

const frame = ({ tokenizer, prefix, suffix }: Framing, text: string): number[] => [
  ...prefix,
  ...tokenizer.encode(text),
  ...suffix,
];

/** Throws UsageError PT_DATA_OPTION where a sample of so many tokens is none that the tokenizer makes. */
function requireLength({ tokenizer, prefix, suffix, mostTokens }: Framing, sequence: number | null): void {
  if (sequence === null) return;
  const frameLength = prefix.length + suffix.length;
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

/** The ids of samples, one behind the other, each as far as a sample can hold it, and how many it had. */
class EncodedTexts {
  readonly lengths: number[] = [];
  /** How many of a sample's tokens the tokenizer does not know. */
  readonly unknowns: number[] = [];
  readonly #most: number;
  readonly #unknown: number | null;
  #ids: TokenArray;
  #used = 0;

  /** `most` ids of a sample are kept. */
  constructor(vocabulary: number, most: number, unknown: number | null) {
    this.#most = most;
    this.#unknown = unknown;
    this.#ids = tokenArray(vocabulary, 1 << 16);
  }

  get ids(): TokenArray {
    return this.#ids.subarray(0, this.#used);
  }

  keptOf(length: number): number {
    return Math.min(length, this.#most);
  }

  add(ids: readonly number[]): void {
    const kept = this.keptOf(ids.length);
    if (this.#used + kept > this.#ids.length) {
      const Wider = this.#ids.constructor as new (length: number) => TokenArray;
      const more = new Wider(2 * (this.#used + kept));
      more.set(this.#ids.subarray(0, this.#used));
      this.#ids = more;
    }
    for (let i = 0; i < kept; i++) this.#ids[this.#used + i] = ids[i] as number;
    this.#used += kept;
    this.lengths.push(ids.length);
    this.unknowns.push(ids.reduce((sum, id) => sum + (id === this.#unknown ? 1 : 0), 0));
  }
}

/** Rows of T ids, filled up or cut, one behind the other, and how many of each are of the text and its frame. */
function rowsOf(
  encoded: EncodedTexts,
  framing: FilledFraming,
  T: number,
): { readonly tokens: TokenArray; readonly lengths: Int32Array } {
  const tokens: TokenArray = tokenArray(framing.tokenizer.size, encoded.lengths.length * T).fill(framing.pad);
  const lengths = new Int32Array(encoded.lengths.length);
  let at = 0;
  encoded.lengths.forEach((length, row) => {
    const kept = encoded.keptOf(length);
    const ids = encoded.ids.subarray(at, at + Math.min(kept, T));
    tokens.set(ids, row * T);
    // What is cut is the text; what stands behind it stays.
    if (length > T) tokens.set(framing.suffix, row * T + T - framing.suffix.length);
    lengths[row] = ids.length;
    at += kept;
  });
  return { tokens, lengths };
}

/** Makes samples of T tokens of texts that are not in the data. */
const framer =
  (framing: FilledFraming, T: number) =>
  (text: string): FramedText =>
    framedText(framing.tokenizer.encode(text), { ...framing, sequence: T, unknown: framing.tokenizer.unknown });

/** Makes the data set. */
export function encodeClassification({
  source,
  texts: { train, validation, labels, names },
  folder,
  sequence,
  choice,
  files,
  facts,
  digest,
}: ClassificationOptions): TableDataset {
  const framing = classificationTokenizer(choice, folder, train, files);
  requireLength(framing, sequence);
  const longest = Math.min(LONGEST_AUTOMATIC, framing.mostTokens ?? Infinity);
  const encoded = new EncodedTexts(framing.tokenizer.size, sequence ?? longest, framing.tokenizer.unknown);
  for (const text of train) encoded.add(frame(framing, text));
  for (const text of validation) encoded.add(frame(framing, text));
  const T = sequence ?? Math.min(longest, automaticSequence(encoded.lengths.slice(0, train.length)));
  const numSamples = encoded.lengths.length;
  requireRoomFor(source, numSamples, T, framing.tokenizer.size);
  requireNearTexts(source, T, encoded.lengths);
  const { tokens, lengths } = rowsOf(encoded, framing, T);
  const knowsAll = framing.tokenizer.unknown === null;
  const textFacts = new TextFacts(
    [...train, ...validation],
    { lengths: encoded.lengths, unknowns: knowsAll ? null : encoded.unknowns },
    T,
  );
  const ids = Int32Array.from({ length: numSamples }, (_, id) => id);
  const { unknown, cut, ...of } = textFacts.of(ids, train.length);
  return new TableDataset({
    source,
    info: { task: 'text-classification', classes: names.length, vocabulary: framing.tokenizer.size, sequence: T },
    columns: [
      packedColumn({ name: 'tokens', shape: [T], dtype: 'int32' }, tokens),
      maskColumn({ name: 'mask', shape: [T], dtype: 'float32' }, lengths),
      packedColumn({ name: 'label', shape: [], dtype: 'int32' }, labels),
    ],
    numTrain: train.length,
    numValidation: validation.length,
    digest: digest(),
    tokenizer: framing.tokenizer,
    labels: names,
    textFacts,
    frameText: framer(framing, T),
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
