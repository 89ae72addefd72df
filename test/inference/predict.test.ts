// Predictions: the class that evaluation counts is the class that is told, for the same texts, framed in the same way;
// and what cannot be predicted is refused with what can.
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { predictionLines } from '../../cli/text/predictions.js';
import { newestResumePoint, type ResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { type TrainConfig, trainConfigSchema } from '../../engine/core/config.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { readTextLines } from '../../engine/data/text-lines.js';
import { evaluateCheckpoint } from '../../engine/inference/evaluate.js';
import { type Predictions, predictTexts } from '../../engine/inference/predict.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { errorOf, rejectionOf } from '../error-of.js';
import { scratch, scratchWith } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';

const WORDS = ['good', 'bad', 'long', 'short', 'film', 'play', 'very', 'not'];
/** Texts of other lengths, some longer than a sample; their label follows from the first word, with some noise. */
const TEXTS = Array.from({ length: 60 }, (_, i) => {
  const words = Array.from({ length: 1 + ((i * 7) % 11) }, (_w, j) => WORDS[(i * 3 + j * 5 + (i >> 2)) % WORDS.length]);
  return { text: words.join(' '), label: i % 9 === 0 || words[0] === 'good' || words[0] === 'very' ? 'pos' : 'neg' };
});
const tsv = (from: number, to: number): string =>
  TEXTS.slice(from, to)
    .map(({ text, label }) => `${text}\t${label}\n`)
    .join('');
const DEV = TEXTS.slice(40);

let [point, config, source] = [{} as ResumePoint, {} as TrainConfig, ''];
beforeAll(async () => {
  source = `tsv:${scratchWith({ 'train.tsv': tsv(0, 40), 'dev.tsv': tsv(40, 60) })}`;
  const run = RunFolder.create(join(scratch(), 'run'));
  await trainInto(run, {
    model: 'bert',
    modelOptions: { layers: 1, width: 16, heads: 2 },
    data: source,
    dataOptions: { sequence: 8 },
    batch: 20,
    microBatch: 5,
    steps: 8,
    lr: '1e-2',
    freeze: 'none',
    evalEvery: 'never',
  });
  point = newestResumePoint(run.checkpointsPath).point;
  config = trainConfigSchema.parse(point.manifest.config);
}, 60_000);

const predicted = (texts: readonly string[]): Promise<Predictions> => predictTexts(point, config, texts);

describe('predictions', () => {
  it('are right for as many validation texts as evaluation counts', async () => {
    const { predictions, labels } = await predicted(DEV.map(({ text }) => text));
    const right = predictions.filter(({ label }, i) => label === DEV[i]?.label).length;
    const { metric, samples } = await evaluateCheckpoint(point, config);
    expect([right / DEV.length, DEV.length]).toEqual([metric.value, samples]);
    // A model that says the same of every text would pass with any framing.
    expect(new Set(predictions.map(({ probabilities }) => probabilities[0])).size).toBeGreaterThan(5);
    expect(labels).toEqual(['neg', 'pos']);
    for (const { probabilities } of predictions)
      // Two roundings of a double.
      expect(Math.abs(probabilities.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(1e-15);
  });

  it('do not depend on the texts beside', async () => {
    const texts = DEV.map(({ text }) => text);
    const together = await predicted(texts);
    const last = await predicted(texts.slice(-1));
    expect(last.predictions[0]).toEqual(together.predictions.at(-1));
  });

  it('tell what was cut and what is unknown', async () => {
    const { predictions, sequence } = await predicted(['good film', 'a xylophone', WORDS.join(' ').repeat(2)]);
    expect(sequence).toBe(8);
    expect(predictions.map(({ isCut, unknown }) => [isCut, unknown])).toEqual([
      [false, 0],
      [false, 2],
      [true, 1],
    ]);
  });

  it('are refused for a run that does not classify texts', async () => {
    const run = RunFolder.create(join(scratch(), 'run'));
    await trainInto(run, { steps: 1, freeze: 'none', evalEvery: 'never' });
    const { point: other } = newestResumePoint(run.checkpointsPath);
    const error = await rejectionOf(predictTexts(other, trainConfigSchema.parse(other.manifest.config), ['a']));
    expect(error).toMatchObject({ code: 'PT_PREDICT', exitCode: 2 });
  }, 60_000);

  it('are written as CSV that keeps every text whole', () => {
    const predictions = [
      {
        text: 'he said "no", then left',
        label: 'a,b',
        probabilities: [0.25, 0.75],
        tokens: 7,
        unknown: null,
        isCut: true,
      },
    ];
    const all = { checkpoint: 'c', step: 1, sequence: 4, labels: ['c', 'a,b'], predictions };
    expect(predictionLines(all, 'csv')).toEqual([
      'text,label,cut,probability of c,"probability of a,b"',
      '"he said ""no"", then left","a,b",yes,0.25,0.75',
    ]);
    expect(JSON.parse(predictionLines(all, 'jsonl')[0] ?? '')).toMatchObject({
      label: 'a,b',
      probability: 0.75,
      probabilities: { c: 0.25, 'a,b': 0.75 },
      cut: true,
    });
  });
});

describe('a text on its own', () => {
  it('is framed as the same text in the data', () => {
    const dataset = openDataset(source, { sequence: 8 });
    TEXTS.forEach(({ text }, id) => {
      const [tokens, mask] = [new Int32Array(8), new Float32Array(8)];
      dataset.read(id, 'tokens', tokens, 0);
      dataset.read(id, 'mask', mask, 0);
      const framed = dataset.frameText?.(text);
      expect([framed?.tokens, framed?.mask]).toEqual([tokens, mask]);
    });
  });

  it('is a line of a file, blank ones left out', () => {
    const folder = scratchWith({ 'texts.txt': '\ufeffgood film\r\n\n  \nbad, "play"\n', 'blank.txt': '\n\n' });
    expect(readTextLines(join(folder, 'texts.txt'))).toEqual(['good film', 'bad, "play"']);
    expect(errorOf(() => readTextLines(join(folder, 'blank.txt')))).toMatchObject({ code: 'PT_DATA_EMPTY' });
  });
});
