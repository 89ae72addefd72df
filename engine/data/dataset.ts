// Dataset: samples with stable ids. Ids 0..numTrain-1 are for training, numTrain..numTrain+numValidation-1 for
// validation; where samples have several views, see augmented-dataset.ts. It knows nothing of batches, order or epochs
// (see sampler.ts).
import type { NumberArray } from '../tensor/shape.js';
import type { DataSummary } from './data-summary.js';
import type { FramedText } from './framed-text.js';
import type { Ends } from './text-ends.js';
import type { TextFacts } from './text-facts.js';
import type { TokenizerIdentity } from './tokenizer-identity.js';

/** Shape of one field of one sample, without the batch axis. */
export interface FieldSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
}

/** What the data are for; a model makes its head for it. */
export const TASKS = [
  'image-classification',
  'text-classification',
  'multi-label',
  'regression',
  'token-classification',
  'question-answering',
  'language-model',
  'masked-language-model',
  'other',
] as const;
export type Task = (typeof TASKS)[number];

/** What a model may know about the data. */
export interface DataInfo {
  readonly task: Task;
  readonly fields: readonly FieldSpec[];
  /** Number of classes, for classification. */
  readonly classes: number | null;
  /** Number of token ids, for text. */
  readonly vocabulary: number | null;
  /** Tokens per sample, for text. */
  readonly sequence: number | null;
  /** Whose ids those are, for text; without the tokens themselves, which would be copied about with it. */
  readonly tokenizer?: Omit<TokenizerIdentity, 'tokens'> & { readonly file: string | null };
}

/** Tokens of a sample at most: the longest that anybody trains on are shorter, and attention is over all pairs. */
export const MOST_TOKENS = 2 ** 20;

/** Where a text may be cut: anywhere, behind a line break, or in front of a space behind something else. */
export type CutPlace = 'anywhere' | 'line' | 'space';

/** Turns text into token ids and back. */
export interface Tokenizer {
  readonly name: string;
  readonly size: number;
  /** What decides its ids, to keep and to compare. */
  readonly identity: TokenizerIdentity;
  /** Where its vocabulary was read from; null where it came from the texts themselves. */
  readonly file: string | null;
  /** The id that stands for what it does not know; null where it knows everything, or has no such id. */
  readonly unknown: number | null;
  /** Where a text may be cut, the tokens of the parts being those of the whole; behind a line break where absent. */
  readonly cut?: CutPlace;
  /** Of those that are cut in front of a space: whether a token may hold this character and a space behind it. */
  readonly joinsSpace?: ((before: string) => boolean) | undefined;
  /** `ends`: which ends of a piece are ends of the whole text; default: both. */
  encode(text: string, ends?: Ends): number[];
  decode(ids: readonly number[]): string;
}

export interface Dataset {
  /** As given by the user, e.g. `mnist:path`. */
  readonly source: string;
  readonly info: DataInfo;
  readonly numTrain: number;
  readonly numValidation: number;
  /** Views of every training sample, each with an id of its own. Default: 1. */
  readonly numViews?: number;
  /** SHA-256 of what was read, so that a resumed run can tell whether the data changed. */
  readonly digest: string;
  readonly tokenizer: Tokenizer | null;
  /** Names of the classes by their ids, as the data call them; empty where there are no classes. */
  readonly labels: readonly string[];
  /** What was understood, to be said at the start; for data that were read or made by a kind. */
  readonly summary?: DataSummary;
  /** What is known of single texts, for the summary of a part of them; for labelled texts. */
  readonly textFacts?: TextFacts;
  /** Makes a sample of a text that need not be one of these; for labelled texts. */
  readonly frameText?: (text: string) => FramedText;
  /**
   * Writes field `name` of sample `id` into `out` at row `row` (out holds B samples of that field one after another).
   */
  read(id: number, name: string, out: NumberArray, row: number): void;
}

/** The id of the first validation sample; the others follow on it. */
export const firstValidationId = ({ numTrain, numViews = 1 }: Pick<Dataset, 'numTrain' | 'numViews'>): number =>
  numTrain * numViews;

/** Ids in all: 0 to this number. */
export const countIds = (dataset: Pick<Dataset, 'numTrain' | 'numValidation' | 'numViews'>): number =>
  firstValidationId(dataset) + dataset.numValidation;
