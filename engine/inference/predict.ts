// Predict: what a trained classifier says of texts that nobody labelled, with probabilities. It measures nothing: see
// evaluate.ts for samples whose label is known.
import { setUpRunFrom } from '../checkpoint/resumed-setup.js';
import type { ResumePoint } from '../checkpoint/run-checkpoint.js';
import { continuedConfig } from '../checkpoint/starting-config.js';
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import type { FramedText } from '../data/framed-text.js';
import type { RunSetup } from '../run/run-setup.js';
import { onProcessor, SingleDevice, type WholeForward } from './single-device.js';

export interface Prediction {
  readonly text: string;
  /** The most probable class, by the name that the data gave it. */
  readonly label: string;
  /** Of every class, in the order of `labels`; they sum to 1. */
  readonly probabilities: readonly number[];
  /** Tokens of the text with its frame, before it was cut. */
  readonly tokens: number;
  /** Tokens that the tokenizer does not know; null where it knows everything. */
  readonly unknown: number | null;
  /** Whether it was longer than a sample of the run. */
  readonly isCut: boolean;
}

export interface Predictions {
  readonly checkpoint: string;
  readonly step: number;
  /** Tokens of a sample. */
  readonly sequence: number;
  readonly labels: readonly string[];
  /** In the order of the texts. */
  readonly predictions: readonly Prediction[];
}

/** Fields that a text alone can fill. */
const FIELDS = ['tokens', 'mask'];

/**
 * The classes of texts by a checkpoint of a run, with model and data from where `config` says that they are now: the
 * data tell how texts become tokens. Throws a UsageError (PT_PREDICT) where the run does not classify texts, and what
 * `setUpRunFrom` throws.
 */
export async function predictTexts(
  point: ResumePoint,
  config: TrainConfig,
  texts: readonly string[],
): Promise<Predictions> {
  const setup = await setUpRunFrom(onProcessor(continuedConfig(config, point)), point);
  const frameText = framingOf(setup.dataset);
  const device = new SingleDevice(point.folder, setup.model, setup.dataset, setup.config.kernels);
  try {
    const forward = device.forward(setup.microBatch);
    const predictions = predictAll(forward, setup, texts, frameText);
    forward.close();
    const { labels, info } = setup.dataset;
    const { step } = point.manifest;
    return { checkpoint: point.folder, step, sequence: info.sequence ?? 0, labels, predictions };
  } finally {
    device.close();
  }
}

function framingOf({ info, source, frameText }: Dataset): (text: string) => FramedText {
  if (frameText !== undefined) return frameText;
  throw new UsageError(
    'PT_PREDICT',
    `predict reads texts, and the run was trained for ${info.task} on ${source}`,
    'Name a run that classifies texts (data of the kinds sst2, tsv, csv or jsonl). The metric of any run: pipetrain ' +
      'eval RUN.',
  );
}

function predictAll(
  forward: WholeForward,
  { model, dataset: { labels, info }, microBatch }: RunSetup,
  texts: readonly string[],
  frameText: (text: string) => FramedText,
): Prediction[] {
  const other = forward.fields.find((name) => !FIELDS.includes(name));
  if (other !== undefined)
    throw new UsageError(
      'PT_PREDICT',
      `the model ${model.name} reads the field ${other}, which a text alone does not have`,
      `predict fills ${FIELDS.join(' and ')}; compute other outputs in a program of your own.`,
    );
  const framed = texts.map(frameText);
  const predictions: Prediction[] = [];
  for (let first = 0; first < texts.length; first += microBatch) {
    const part = framed.slice(first, first + microBatch);
    fillRows(forward, part);
    const outputs = forward.run();
    const perSample = outputs.length / microBatch;
    if (perSample !== labels.length)
      throw new UsageError(
        'PT_PREDICT',
        `the last block of ${model.name} leaves ${perSample} numbers per sample, of ${labels.length} classes`,
        'predict takes them as one number for each class; compute other outputs in a program of your own.',
      );
    part.forEach(({ length, unknown }, row) => {
      const probabilities = softmax(outputs.subarray(row * perSample, (row + 1) * perSample));
      predictions.push({
        text: texts[first + row] ?? '',
        label: labels[largest(probabilities)] ?? '',
        probabilities,
        tokens: length,
        unknown,
        isCut: length > (info.sequence ?? Infinity),
      });
    });
  }
  return predictions;
}

/** Rows that no text fills keep what they had: what a sample becomes depends on no other. */
function fillRows(forward: WholeForward, framed: readonly FramedText[]): void {
  for (const name of forward.fields) {
    const field = forward.field(name);
    framed.forEach((sample, row) => {
      const values = name === 'mask' ? sample.mask : sample.tokens;
      (field as Float32Array).set(values, row * values.length);
    });
  }
}

/** In double precision. */
function softmax(outputs: Float32Array): number[] {
  const most = outputs.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = Array.from(outputs, (output) => Math.exp(output - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

const largest = (values: readonly number[]): number =>
  values.reduce((best, x, i) => (x > (values[best] ?? NaN) ? i : best), 0);
