// TableDataset: a Dataset made of columns that lie in memory. All kinds of data end as one of these.
import { invariant } from '../core/invariant.js';
import type { NumberArray } from '../tensor/shape.js';
import { sizeOf } from '../tensor/shape.js';
import type { Column } from './column.js';
import type { DataSummary } from './data-summary.js';
import type { DataInfo, Dataset, Tokenizer } from './dataset.js';
import type { FramedText } from './framed-text.js';
import type { TextFacts } from './text-facts.js';

export interface TableParts {
  readonly source: string;
  readonly info: Omit<DataInfo, 'fields' | 'tokenizer'>;
  readonly columns: readonly Column[];
  readonly numTrain: number;
  readonly numValidation: number;
  readonly digest: string;
  readonly tokenizer?: Tokenizer;
  readonly labels?: readonly string[];
  readonly summary?: DataSummary;
  readonly textFacts?: TextFacts;
  readonly frameText?: (text: string) => FramedText;
}

const idsOf = ({ file, identity: { kind, settings, sha256 } }: Tokenizer): NonNullable<DataInfo['tokenizer']> => ({
  file,
  kind,
  settings,
  sha256,
});

export class TableDataset implements Dataset {
  readonly source: string;
  readonly info: DataInfo;
  readonly numTrain: number;
  readonly numValidation: number;
  readonly digest: string;
  readonly tokenizer: Tokenizer | null;
  readonly labels: readonly string[];
  readonly summary?: DataSummary;
  readonly textFacts?: TextFacts;
  readonly frameText?: (text: string) => FramedText;
  readonly #columns: ReadonlyMap<string, Column>;

  constructor({
    source,
    info,
    columns,
    numTrain,
    numValidation,
    digest,
    tokenizer,
    labels,
    summary,
    textFacts,
    frameText,
  }: TableParts) {
    this.source = source;
    const fields = columns.map((column) => column.spec);
    this.info = { ...info, fields, ...(tokenizer === undefined ? {} : { tokenizer: idsOf(tokenizer) }) };
    this.numTrain = numTrain;
    this.numValidation = numValidation;
    this.digest = digest;
    this.tokenizer = tokenizer ?? null;
    this.labels = labels ?? [];
    if (summary !== undefined) this.summary = summary;
    if (textFacts !== undefined) this.textFacts = textFacts;
    if (frameText !== undefined) this.frameText = frameText;
    this.#columns = new Map(columns.map((column) => [column.spec.name, column]));
  }

  read(id: number, name: string, out: NumberArray, row: number): void {
    const column = this.#columns.get(name);
    invariant(
      column !== undefined,
      () => `${this.source} has no field ${name}; it has ${[...this.#columns.keys()].join(', ')}`,
    );
    invariant(
      id >= 0 && id < this.numTrain + this.numValidation,
      () => `sample ${id} of ${this.numTrain + this.numValidation}`,
    );
    const size = sizeOf(column.spec.shape);
    invariant(
      (row + 1) * size <= out.length,
      () => `row ${row} of field ${name} needs ${(row + 1) * size} elements, the buffer has ${out.length}`,
    );
    column.copy(id, out, row * size);
  }
}
