// Validation: one look at the validation samples, or at a fixed part of them, assembled from what the workers report in
// an order that does not depend on the shape of the run. Pure.
import { present } from '../core/invariant.js';
import type { Plan } from '../core/plan.js';
import { type Dataset, firstValidationId } from '../data/dataset.js';
import type { MetricValues, RunMetrics } from '../metrics/run-metrics.js';
import { SampleStatistics, statisticsWidth } from '../metrics/sample-statistics.js';
import type { Model } from '../model/block.js';
import type { ReportOf } from './messages.js';

export interface Validation {
  /** Mean over the samples. */
  readonly loss: number;
  /** The one that the run goes by. */
  readonly metric: number;
  readonly metrics: MetricValues;
  readonly samples: number;
  /** The metric of parts of the samples, at most `PARTS` of equal size but for the last, in order. */
  readonly parts: readonly number[];
}

const PARTS = 64;

/**
 * Indices of the micro-batches of the validation samples that one replica looks at, ascending: every `stride`-th
 * counts, and the replicas take those in turn.
 */
export const validationIndices = (
  numValidation: number,
  { microBatch, replicas }: Pick<Plan, 'microBatch' | 'replicas'>,
  replica: number,
  stride: number,
): number[] =>
  Array.from({ length: Math.ceil(numValidation / microBatch) }, (_, index) => index).filter(
    (index) => index % stride === 0 && (index / stride) % replicas.length === replica,
  );

/** What a validation is judged by. */
export interface Judging {
  readonly model: Model;
  readonly metrics: RunMetrics;
  readonly dataset: Dataset;
}

/** `results` tell of micro-batches of `microBatch` samples (the last one may be shorter), in order. */
export function assembleValidation(
  results: ReportOf<'evaluated'>['results'],
  microBatch: number,
  { model, metrics, dataset }: Judging,
): Validation {
  const first = firstValidationId(dataset);
  const ids = results.flatMap(({ index }) => {
    const from = index * microBatch;
    return Array.from({ length: Math.min(microBatch, dataset.numValidation - from) }, (_, i) => first + from + i);
  });
  const rows = new Float32Array(ids.length * statisticsWidth(model));
  let at = 0;
  for (const { statistics } of results) {
    rows.set(statistics, at);
    at += statistics.length;
  }
  return judged({ model, metrics, dataset }, { ids: Int32Array.from(ids), rows });
}

/** `rows` [N, W] of the validation samples `ids`, ascending. */
export function judged(
  { model, metrics, dataset }: Judging,
  told: { readonly ids: Int32Array; readonly rows: Float32Array },
): Validation {
  const samples = new SampleStatistics(model, told, dataset);
  const values = metrics.valuesOf(samples);
  const loss = samples.mean((sample) => samples.loss(sample));
  const metric = present(values.get(metrics.first.name), metrics.first.name);
  return {
    loss,
    metric,
    metrics: values,
    samples: samples.numSamples,
    parts: partsOf({ model, metrics, dataset }, told),
  };
}

function partsOf({ model, metrics, dataset }: Judging, { ids, rows }: Parameters<typeof judged>[1]): number[] {
  const width = statisticsWidth(model);
  const each = Math.max(1, Math.ceil(ids.length / PARTS));
  return Array.from({ length: Math.ceil(ids.length / each) }, (_, part) => {
    const [from, to] = [part * each, Math.min(ids.length, (part + 1) * each)];
    const told = { ids: ids.subarray(from, to), rows: rows.subarray(from * width, to * width) };
    return metrics.first.fold(new SampleStatistics(model, told, dataset));
  });
}
