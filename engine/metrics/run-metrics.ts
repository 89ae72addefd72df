// RunMetrics: the metrics of a run: those that the user names, or the usual ones of what the model tells of a sample.
// The first is the one that the run goes by: its target, its guard, its best checkpoint.
import { UsageError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import type { Model } from '../model/block.js';
import type { Metric } from './metric.js';
import { METRICS, USUAL_METRICS } from './registry.js';
import type { SampleStatistics } from './sample-statistics.js';

/** Metrics by their names, in the order in which they are told; the first is that of the run. */
export type MetricValues = ReadonlyMap<string, number>;

export class RunMetrics {
  /** At least one. */
  readonly all: readonly Metric[];

  /** `names` as given, separated by commas; '' for none. Throws a UsageError (PT_METRICS). */
  constructor(names: string, model: Model, info: Dataset['info']) {
    const own = ownMetric(model);
    const kind = model.outcome?.kind;
    const usual = own !== null ? [own] : kind === undefined ? [METRICS.get('loss')] : USUAL_METRICS[kind];
    this.all = names === '' ? usual : namedMetrics(names, own, model, info);
  }

  /** The one that the run goes by. */
  get first(): Metric {
    return this.all[0] as Metric;
  }

  valuesOf(samples: SampleStatistics): MetricValues {
    return new Map(this.all.map((metric) => [metric.name, metric.fold(samples)]));
  }
}

/** The metric that a model brings along: the mean of its scores. */
function ownMetric({ score, metric }: Model): Metric | null {
  if (score === null) return null;
  return {
    name: metric.name,
    summary: 'mean of the scores that the model gives',
    of: null,
    higherIsBetter: metric.higherIsBetter,
    fold: (samples) => samples.mean((sample) => samples.score(sample)),
  };
}

function namedMetrics(names: string, own: Metric | null, model: Model, info: Dataset['info']): Metric[] {
  const kind = model.outcome?.kind;
  const isOf = ({ of, lacks }: Metric): boolean =>
    (of === null || (kind !== undefined && of.includes(kind))) && (lacks?.(info) ?? null) === null;
  const possible = [
    ...(own === null ? [] : [own]),
    ...METRICS.all.filter((one) => one.name !== own?.name && isOf(one)),
  ];
  const list = names.split(',').map((name) => name.trim());
  const wrong = (problem: string): UsageError =>
    new UsageError('PT_METRICS', problem, `Metrics of this run: ${possible.map(({ name }) => name).join(', ')}.`);
  const twin = list.find((name, at) => list.indexOf(name) !== at);
  if (twin !== undefined) throw wrong(`--metrics names "${twin}" twice.`);
  return list.map((name) => {
    const found = possible.find((one) => one.name === name);
    if (found !== undefined) return found;
    const why = METRICS.has(name) ? METRICS.get(name).lacks?.(info) : null;
    throw wrong(
      METRICS.has(name)
        ? `--metrics ${name} cannot be computed of what ${model.name} says of ${info.task} data` +
            (why == null ? '.' : `: ${why}.`)
        : `there is no metric "${name}".`,
    );
  });
}
