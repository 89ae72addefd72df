// Metrics: what scikit-learn and SciPy say of the same predictions, the same bits however the samples were divided, and
// which metrics a run may ask for.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packedColumn } from '../../engine/data/column.js';
import type { Dataset } from '../../engine/data/dataset.js';
import { TableDataset } from '../../engine/data/table-dataset.js';
import { METRICS } from '../../engine/metrics/registry.js';
import { RunMetrics } from '../../engine/metrics/run-metrics.js';
import type { Model } from '../../engine/model/block.js';
import type { OutcomeKind } from '../../engine/model/outcome-kind.js';
import { assembleValidation, type Validation } from '../../engine/protocol/validation.js';
import * as tf from '../../engine/tensor/tf.js';

interface Case {
  readonly kind: OutcomeKind;
  readonly classes: number | null;
  readonly width: number;
  readonly right: readonly number[];
  readonly said: readonly number[];
  readonly expected: Readonly<Record<string, number>>;
}

const GOLDEN = JSON.parse(readFileSync('test/golden/metrics.json', 'utf8')) as { readonly cases: readonly Case[] };

/** Tells `width` numbers of a sample. */
const modelOf = (kind: OutcomeKind, width: number): Model => ({
  name: 'told',
  blocks: [],
  loss: (y) => y,
  score: null,
  metric: { name: 'loss', higherIsBetter: false },
  outcome: { kind, width, of: () => tf.zeros([1, width]) },
});

/** One training sample, and validation samples with these labels. */
function dataOf({ classes, width, right, kind }: Case): Dataset {
  const isList = kind === 'labels';
  const data = Float32Array.from([...new Array<number>(width).fill(0), ...right]);
  return new TableDataset({
    source: 'drawn',
    info: { task: 'other', classes, vocabulary: null, sequence: null },
    columns: [packedColumn({ name: 'label', shape: isList ? [width] : [], dtype: 'float32' }, data)],
    numTrain: 1,
    numValidation: right.length / width,
    digest: '',
  });
}

/** Judges what was told in micro-batches of that size. */
function judge(one: Case, microBatch: number, names: string): Validation {
  const { kind, width, said, right } = one;
  const dataset = dataOf(one);
  const model = modelOf(kind, width);
  const numSamples = right.length / width;
  const rows = Array.from({ length: numSamples }, (_, sample) => [
    1 / (sample + 1),
    ...said.slice(sample * width, (sample + 1) * width),
  ]);
  const results = Array.from({ length: Math.ceil(numSamples / microBatch) }, (_, index) => ({
    index,
    statistics: Float32Array.from(rows.slice(index * microBatch, (index + 1) * microBatch).flat()),
  }));
  return assembleValidation(results, microBatch, {
    model,
    metrics: new RunMetrics(names, model, dataset.info),
    dataset,
  });
}

describe('metrics', () => {
  it.each(GOLDEN.cases.map((one) => [one.kind, one.classes, one] as const))(
    'of the kind %s (%s) are what scikit-learn and SciPy say',
    (_kind, _classes, one) => {
      const { metrics } = judge(one, 8, Object.keys(one.expected).join(','));
      for (const [name, value] of Object.entries(one.expected))
        // Both compute in double precision, and sum in another order.
        expect(metrics.get(name), name).toBeCloseTo(value, 12);
    },
  );

  it('have the same bits in every micro-batch', () => {
    for (const one of GOLDEN.cases) {
      const names = `loss,${Object.keys(one.expected).join(',')}`;
      const [first, ...others] = [1, 3, 7, 64].map((microBatch) => judge(one, microBatch, names));
      for (const other of others) expect(other).toEqual(first);
    }
  });

  it('know perplexity and accuracy of tokens from their sums, so that long samples count more', () => {
    const told: Case = {
      kind: 'tokens',
      classes: null,
      width: 3,
      right: new Array<number>(6).fill(0),
      said: [2, 4, 3, 6, 4, 1],
      expected: {},
    };
    const { metrics, metric } = judge(told, 2, 'perplexity,accuracy');
    expect(metric).toBe(Math.exp(1));
    expect(metrics.get('accuracy')).toBe(0.5);
  });
});

describe('the metrics of a run', () => {
  const [classes] = GOLDEN.cases as [Case];
  const names = (wanted: string, model: Model, one = classes): string[] =>
    new RunMetrics(wanted, model, dataOf(one).info).all.map(({ name }) => name);

  it('are the usual ones of what the model tells, or its own', () => {
    expect(names('', modelOf('class', 1))).toEqual(['accuracy']);
    expect(names('', modelOf('value', 1))).toEqual(['pearson', 'spearman', 'mae']);
    const { outcome: _outcome, ...silent } = modelOf('class', 1);
    expect(names('', silent)).toEqual(['loss']);
    const scored: Model = { ...silent, score: (y) => y, metric: { name: 'hits', higherIsBetter: true } };
    expect(names('', scored)).toEqual(['hits']);
    expect(names('loss,hits', scored)).toEqual(['loss', 'hits']);
  });

  it('are refused where they do not fit, with those that do', () => {
    const wrong = (wanted: string, one = classes): unknown => {
      try {
        return names(wanted, modelOf(one.kind, one.width), one);
      } catch (error) {
        return error;
      }
    };
    expect(wrong('pearson')).toMatchObject({ code: 'PT_METRICS', hint: /accuracy, f1, f1-macro, f1-micro, mcc/ });
    expect(wrong('accuraccy')).toMatchObject({ message: /no metric "accuraccy"/ });
    expect(wrong('mcc,mcc')).toMatchObject({ message: /"mcc" twice/ });
    expect(
      wrong(
        'f1',
        GOLDEN.cases.find(({ classes: of }) => of === 5),
      ),
    ).toMatchObject({ message: /have 5/ });
  });

  it('say of which outcomes they are', () => {
    for (const { name, of, summary } of METRICS.all) {
      expect(summary, name).toMatch(/^[a-zF]/);
      expect(of === null || of.length > 0, name).toBe(true);
    }
  });
});
