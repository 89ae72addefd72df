// Starting from the weights of another run: what its numbers stood for, they stand for afterwards; where they cannot,
// the blocks that have a place for each start fresh and say why, or the run is refused.
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { setUpRunFrom } from '../../engine/checkpoint/resumed-setup.js';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { startingConfig } from '../../engine/checkpoint/starting-config.js';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { evaluateCheckpoint } from '../../engine/inference/evaluate.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { scratch, scratchWith } from '../scratch.js';
import { trainInto } from '../trainer/run-on-disk.js';
import { type TrainedRun, trainRun } from '../trainer/train-run.js';

const lines = (...pairs: readonly (readonly [text: string, label: string, count: number])[]): string =>
  pairs.map(([text, label, count]) => `${text}\t${label}\n`.repeat(count)).join('');
const data = (train: string, dev = train): string => `tsv:${scratchWith({ 'train.tsv': train, 'dev.tsv': dev })}`;

const TEXTS: Partial<TrainConfigInput> = {
  model: 'bert',
  modelOptions: { layers: 1, width: 16, heads: 2 },
  dataOptions: {},
  batch: 20,
  microBatch: 10,
  steps: 24,
  lr: '3e-2',
  freeze: 'none',
  evalEvery: 'never',
};
/** Nothing is learnt: the metric is that of the weights as they were taken. */
const AS_IT_IS: Partial<TrainConfigInput> = { ...TEXTS, steps: 1, lr: '0' };
const FIRST = lines(['good film', 'good', 30], ['bad film', 'bad', 10]);
const OTHER_WAY_ROUND = lines(['bad film', 'bad', 30], ['good film', 'good', 10]);

let first = '';
beforeAll(async () => {
  first = join(scratch(), 'first');
  const run = await trainInto(RunFolder.create(first), { ...TEXTS, data: data(FIRST) });
  expect(run.finished.metric.value).toBe(1);
}, 60_000);

const loadedOf = (run: TrainedRun) => run.of('weights.loaded')[0];
const freshOf = (run: TrainedRun) => loadedOf(run)?.fresh.map(({ block, why }) => `${block}: ${why}`);
const started = (changes: Partial<TrainConfigInput>): Promise<TrainedRun> =>
  trainRun({ ...AS_IT_IS, initFrom: first, ...changes });

describe('texts with other frequencies', () => {
  it('are read with the vocabulary of the checkpoint, also when the run goes on and is evaluated', async () => {
    const [source, folder] = [join(scratch(), 'source'), join(scratch(), 'run')];
    cpSync(first, source, { recursive: true });
    const run = RunFolder.create(folder);
    const config = { ...TEXTS, data: data(OTHER_WAY_ROUND), lr: '0', initFrom: source, steps: 3, devices: 'cpu:2' };
    const begun = await trainInto(run, config, { stopAt: 0 });
    expect(freshOf(begun)).toEqual([]);
    expect(begun.finished.metric.value).toBe(1);
    // What it began with is needed no more.
    rmSync(source, { recursive: true });
    const { point } = newestResumePoint(run.checkpointsPath);
    expect((await trainInto(run, config, { resume: true })).finished.metric.value).toBe(1);
    const recorded = trainConfigSchema.parse(point.manifest.config);
    expect((await evaluateCheckpoint(point, recorded)).metric.value).toBe(1);
    rmSync(join(folder, 'legend.json'));
    const other = newestResumePoint(run.checkpointsPath).point;
    expect((await evaluateCheckpoint(other, recorded)).metric.value).toBe(1);
  }, 60_000);

  it.each([
    [{ legend: 'none' }, 'the vocabulary is another one: token 4 is "bad" here and "good" there'],
    [{ lowercase: false }, 'the tokenizer words has lowercase false here and true there'],
  ])(
    'that are to be read otherwise (%j) have a fresh embedding, which is said',
    async (dataOptions, why) => {
      const run = await started({ data: data(OTHER_WAY_ROUND), dataOptions });
      expect(freshOf(run)).toEqual([`embed: ${why}`]);
      expect(loadedOf(run)?.loaded).toContain('head');
      await expect(started({ data: data(OTHER_WAY_ROUND), dataOptions, initStrict: true })).rejects.toMatchObject({
        code: 'PT_INIT_MISMATCH',
        message: expect.stringContaining(why) as string,
      });
    },
    60_000,
  );
});

describe('labels', () => {
  it('of other names have a fresh head, however many there are', async () => {
    const run = await started({ data: data(lines(['good film', 'pos', 20], ['bad film', 'neg', 20])) });
    expect(freshOf(run)).toEqual(['head: the labels are neg, pos here and bad, good there']);
  }, 60_000);

  it('that are some of those of the checkpoint keep their places', async () => {
    const three = join(scratch(), 'three');
    const texts = [
      ['awful film', 'bad', 20],
      ['long film', 'fair', 20],
      ['good film', 'good', 20],
    ] as const;
    await trainInto(RunFolder.create(three), { ...TEXTS, data: data(lines(...texts)) });
    const run = await started({ data: data(lines(texts[1], texts[2])), initFrom: three });
    expect(freshOf(run)).toEqual([]);
    expect(run.finished.metric.value).toBe(1);
  }, 60_000);
});

describe('a language model', () => {
  const text = (content: string): string => `text:${join(scratchWith({ 't.txt': content.repeat(60) }), 't.txt')}`;
  it('keeps its characters, and starts embedding and head fresh where a text has others', async () => {
    const folder = join(scratch(), 'characters');
    const config = { ...TEXTS, model: 'gpt', dataOptions: { sequence: 8 }, lr: '1e-3' };
    await trainInto(RunFolder.create(folder), { ...config, data: text('hello world ') });
    const start = (content: string): Promise<TrainedRun> =>
      trainRun({ ...config, steps: 1, data: text(content), initFrom: folder });
    expect(freshOf(await start('low hello '))).toEqual([]);
    // As many characters as there, and one of them another one.
    expect(freshOf(await start('hallo world '))).toEqual(
      ['embed', 'head'].map(
        (block) =>
          `${block}: the vocabulary is another one: it has 8 tokens here and 8 there, which lack 1 of those here`,
      ),
    );
  }, 60_000);
});

describe('a model that does not follow the data', () => {
  const source = `
import { defineModel, nn, tf } from 'pipetrain';
const normal = (shape: number[]) => ({ shape, init: { kind: 'normal', std: 0.1 } as const, decay: true });
const safeParse = (value: unknown) => ({ success: true, data: value });
export const model = defineModel({
  name: 'fixed', summary: 'a test', options: { parse: (v: unknown) => v, safeParse } as never, defaults: {},
  build: () => ({
    name: 'fixed',
    blocks: [
      { name: 'embed', kind: 'embedding', layer: null, params: { w: normal([50, 8]) },
        forward: (_x, p, context) => tf.mean(nn.embedding(context.field('tokens'), p.w!), 1) },
      { name: 'head', kind: 'head', layer: null, params: { w: normal([8, 5]) },
        forward: (x, p) => tf.matMul(x!, p.w!) },
    ],
    loss: (y, context) => nn.crossEntropy(y, context.field('label')),
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
  }),
});`;
  it('is refused where tokens or labels mean something else, and taken where they do not', async () => {
    const model = join(scratchWith({ 'fixed.ts': source }), 'fixed.ts');
    const folder = join(scratch(), 'fixed');
    const config = { ...TEXTS, model, modelOptions: {}, steps: 1 };
    await trainInto(RunFolder.create(folder), { ...config, data: data(FIRST) });
    const start = (changes: Partial<TrainConfigInput>): Promise<TrainedRun> =>
      trainRun({ ...config, initFrom: folder, data: data(OTHER_WAY_ROUND), ...changes });
    expect(freshOf(await start({}))).toEqual([]);
    await expect(start({ dataOptions: { legend: 'none' } })).rejects.toMatchObject({ code: 'PT_INIT_MEANING' });
    await expect(start({ data: data(FIRST.replaceAll('good\n', 'fine\n')) })).rejects.toMatchObject({
      code: 'PT_INIT_MEANING',
      message: expect.stringContaining('the labels are bad, fine here and bad, good there') as string,
    });
  }, 60_000);
});

describe('a model that computes something else with the same shapes', () => {
  const setUp = (changes: Partial<TrainConfigInput>) =>
    setUpRunFrom(
      startingConfig(trainConfigSchema.parse({ ...AS_IT_IS, data: data(FIRST), initFrom: first, ...changes })),
      null,
    );
  const heads = { modelOptions: { layers: 1, width: 16, heads: 1 } };

  it('is refused with what differs, and taken as untrained where it is meant', async () => {
    expect((await setUp({})).trained.trainedLayers).toBe(1);
    await expect(setUp({ ...heads, initStrict: true })).rejects.toMatchObject({
      code: 'PT_INIT_PROGRAM',
      message: expect.stringMatching(
        /^1 of the 4 blocks .*\(layer0.attention\).*: heads is 1 here and 2 there$/,
      ) as string,
      hint: expect.stringContaining('--model-options heads=2') as string,
    });
    expect((await setUp({ ...heads, initOtherProgram: true })).trained.trainedLayers).toBe(0);
    // What starts fresh may compute what it will.
    expect(
      (await setUp({ modelOptions: { layers: 1, width: 16, heads: 2, dropout: 0.2 } })).trained.trainedLayers,
    ).toBe(1);
  });
});

describe('the legend of a checkpoint', () => {
  it('is checked as the rest of it', async () => {
    const folder = join(scratch(), 'damaged');
    cpSync(first, folder, { recursive: true });
    const { point } = newestResumePoint(join(folder, 'checkpoints'));
    const path = join(point.folder, 'legend.json');
    const whole = readFileSync(path, 'utf8');
    writeFileSync(path, whole.replace('"good"', '"evil"'));
    await expect(started({ data: data(FIRST), initFrom: point.folder })).rejects.toMatchObject({
      code: 'PT_CHECKPOINT_BROKEN',
      message: expect.stringContaining('legend.json') as string,
    });
    renameSync(path, `${path}-away`);
    await expect(started({ data: data(FIRST), initFrom: folder })).rejects.toMatchObject({
      code: 'PT_CHECKPOINT_MISSING',
    });
  }, 60_000);
});
