// SampleStatistics: what evaluation tells of each validation sample, in the order of the samples, whoever evaluated
// them in whichever micro-batch: the loss, the model's own score, the outcome. Metrics are folds over it.
import { invariant } from '../core/invariant.js';
import type { Dataset } from '../data/dataset.js';
import type { Model } from '../model/block.js';
import type { OutcomeKind } from '../model/outcome-kind.js';
import { hostArray, type NumberArray, sizeOf } from '../tensor/shape.js';

/** Numbers that are told of each sample. */
export const statisticsWidth = ({ score, outcome }: Pick<Model, 'score' | 'outcome'>): number =>
  1 + (score === null ? 0 : 1) + (outcome?.width ?? 0);

export class SampleStatistics {
  readonly numSamples: number;
  /** What the outcomes are; null where the model has none. */
  readonly kind: OutcomeKind | null;
  readonly outcomeWidth: number;
  readonly #model: Pick<Model, 'score' | 'outcome'>;
  readonly #rows: Float32Array;
  readonly #ids: Int32Array;
  readonly #dataset: Dataset;

  /** `rows` [N, W] of the samples `ids` of the data, ascending. */
  constructor(
    model: Pick<Model, 'score' | 'outcome'>,
    { ids, rows }: { readonly ids: Int32Array; readonly rows: Float32Array },
    dataset: Dataset,
  ) {
    const width = statisticsWidth(model);
    invariant(rows.length === ids.length * width, () => `${rows.length} numbers of ${ids.length} samples`);
    this.numSamples = ids.length;
    this.kind = model.outcome?.kind ?? null;
    this.outcomeWidth = model.outcome?.width ?? 0;
    this.#model = model;
    this.#rows = rows;
    this.#ids = ids;
    this.#dataset = dataset;
  }

  get dataset(): Dataset {
    return this.#dataset;
  }

  loss(sample: number): number {
    return this.#at(sample, 0);
  }

  /** The model's own score of a sample. Not to be asked where it has none. */
  score(sample: number): number {
    return this.#at(sample, 1);
  }

  /** Number `i` of the outcome of a sample. */
  outcome(sample: number, i: number): number {
    return this.#at(sample, (this.#model.score === null ? 1 : 2) + i);
  }

  /** A field of the data of all these samples, [N, ...]. */
  field(name: string): NumberArray {
    const spec = this.#dataset.info.fields.find((field) => field.name === name);
    invariant(spec !== undefined, () => `${this.#dataset.source} has no field ${name} for a metric`);
    const values = hostArray(spec.dtype, [this.numSamples * sizeOf(spec.shape)]);
    this.#ids.forEach((id, row) => {
      this.#dataset.read(id, name, values, row);
    });
    return values;
  }

  /** The sum of a number of each sample, in their order in double precision. */
  sum(of: (sample: number) => number): number {
    let sum = 0;
    for (let sample = 0; sample < this.numSamples; sample++) sum += of(sample);
    return sum;
  }

  mean(of: (sample: number) => number): number {
    return this.sum(of) / this.numSamples;
  }

  #at(sample: number, i: number): number {
    return this.#rows[sample * (this.#rows.length / this.numSamples) + i] as number;
  }
}
