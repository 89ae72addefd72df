import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import { present } from '../../engine/core/invariant.js';
import type { DataInfo, Dataset } from '../../engine/data/dataset.js';
import { fillField } from '../../engine/data/micro-batch.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { buildModel } from '../../engine/model/load-model.js';
import { BUILT_IN_MODELS, builtInModel } from '../../engine/model/registry.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { hostArray } from '../../engine/tensor/shape.js';
import { errorOf } from '../error-of.js';
import { type FieldValue, runModel } from './run-model.js';

const digits = openDataset('synthetic:digits', { samples: 20 });
const story = openDataset('synthetic:text', { samples: 20, sequence: 16 });
const reviews = openDataset('synthetic:sentiment', { samples: 20, sequence: 12 });
const DATA: Record<string, Dataset> = { vit: digits, gpt: story, bert: reviews };

const definition = (name: string) => present(builtInModel(name), name);
const build = (name: string, options: Record<string, unknown> = {}, info: DataInfo = (DATA[name] as Dataset).info) =>
  buildModel(definition(name), options, info);
const small = { layers: 2, width: 16, heads: 2 };

/** The fields of the first samples of a data set. */
function fieldsOf(data: Dataset, count: number): Record<string, FieldValue & { data: Float32Array | Int32Array }> {
  const ids = Int32Array.from({ length: count }, (_, i) => i);
  return Object.fromEntries(
    data.info.fields.map(({ name, shape, dtype }) => {
      const out = hostArray(dtype, [count, ...shape]);
      fillField(data, name, ids, out);
      return [name, { shape: [count, ...shape], data: out }];
    }),
  );
}

describe('built-in models', () => {
  let executor: Executor;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
  });
  afterAll(() => executor.close());

  it.each(['vit', 'bert', 'gpt'])('%s is embedding, attention and MLP of every layer, head', (name) => {
    const { blocks } = build(name, small);
    expect(blocks.map((block) => [block.name, block.kind, block.layer])).toEqual([
      ['embed', 'embedding', null],
      ['layer0.attention', 'attention', 0],
      ['layer0.mlp', 'mlp', 0],
      ['layer1.attention', 'attention', 1],
      ['layer1.mlp', 'mlp', 1],
      ['head', 'head', null],
    ]);
  });

  it.each(['vit', 'bert', 'gpt'])('%s starts near the loss of a blind guess', (name) => {
    const data = DATA[name] as Dataset;
    const { loss, yShape } = runModel(executor, build(name), fieldsOf(data, 4));
    const choices = data.info.classes ?? data.info.vocabulary ?? 0;
    expect(yShape).toEqual(name === 'gpt' ? [4, 16, choices] : [4, choices]);
    expect(loss).toHaveLength(4);
    // Random logits of standard deviation s cost about s^2 / 2 nats over ln(choices); the heads start with s well below
    // 1.
    for (const value of loss) expect(Math.abs(value - Math.log(choices))).toBeLessThan(0.7);
  });

  it.each(['vit', 'bert', 'gpt'])('%s decays matrices only', (name) => {
    for (const block of build(name, small).blocks) {
      for (const [param, { shape, decay }] of Object.entries(block.params))
        expect([param, decay]).toEqual([param, shape.length > 1 && param !== 'positions']);
    }
  });

  it('vit tells the class with the largest logit', () => {
    const fields = fieldsOf(digits, 8);
    const { y, outcome } = runModel(executor, build('vit', small), fields);
    const largest = Array.from({ length: 8 }, (_, row) => {
      const logits = [...y.subarray(row * 10, row * 10 + 10)];
      return logits.indexOf(Math.max(...logits));
    });
    expect([...outcome]).toEqual(largest);
  });

  it('vit cuts the image into patches in reading order', () => {
    const fields = fieldsOf(digits, 1);
    const model = build('vit', { ...small, patch: 8 });
    const embed = present(model.blocks[0], 'embed');
    const y = runModel(executor, { ...model, blocks: [embed], loss: (x) => x, score: null }, fields).y;
    const dark = {
      ...fields,
      image: {
        shape: [1, 16, 16],
        data: Float32Array.from((fields['image'] as FieldValue).data, (pixel, i) =>
          Math.floor(i / 16) < 8 && i % 16 >= 8 ? 0 : pixel,
        ),
      },
    };
    const changed = runModel(executor, { ...model, blocks: [embed], loss: (x) => x, score: null }, dark).y;
    // Only the upper right quarter changed, so only the second of four patches may.
    const differs = [0, 1, 2, 3].map((patch) =>
      y.subarray(patch * 16, patch * 16 + 16).some((value, i) => value !== changed[patch * 16 + i]),
    );
    expect(differs).toEqual([false, true, false, false]);
  });

  it('vit chooses a patch that fits the image', () => {
    const patchPixels = (size: number): number | undefined => {
      const info: DataInfo = { ...digits.info, fields: [{ name: 'image', shape: [size, size], dtype: 'float32' }] };
      return present(build('vit', small, info).blocks[0], 'embed').params['w']?.shape[0];
    };
    expect([28, 32, 16, 13].map(patchPixels)).toEqual([49, 64, 16, 1]);
  });

  it('gpt never looks ahead', () => {
    const fields = fieldsOf(story, 1);
    const model = build('gpt', small);
    const before = runModel(executor, model, fields).y;
    const changed = Int32Array.from((fields['tokens'] as FieldValue).data, (id, i) =>
      i < 10 ? id : (id + 1) % (story.info.vocabulary as number),
    );
    const after = runModel(executor, model, { ...fields, tokens: { shape: [1, 16], data: changed } }).y;
    const width = before.length / 16;
    expect(after.subarray(0, 10 * width)).toEqual(before.subarray(0, 10 * width));
    expect(after.subarray(10 * width)).not.toEqual(before.subarray(10 * width));
  });

  it('bert does not see padding', () => {
    const fields = fieldsOf(reviews, 4);
    const model = build('bert', small);
    const mask = (fields['mask'] as FieldValue).data;
    expect(mask.includes(0)).toBe(true);
    const changed = Int32Array.from((fields['tokens'] as FieldValue).data, (id, i) => (mask[i] === 1 ? id : 5));
    const y = runModel(executor, model, fields).y;
    expect(y.every(Number.isFinite)).toBe(true);
    expect(runModel(executor, model, { ...fields, tokens: { shape: [4, 12], data: changed } }).y).toEqual(y);
    // It does see the rest.
    const other = changed.map((id) => (id === 3 ? 4 : 3));
    expect(runModel(executor, model, { ...fields, tokens: { shape: [4, 12], data: other } }).y).not.toEqual(y);
  });
});

describe('options and data of built-in models', () => {
  it('suggest the nearest option for one that does not exist', () => {
    const error = errorOf(() => build('vit', { layer: 3 }));
    expect(error.code).toBe('PT_MODEL_OPTIONS');
    expect(error.message).toContain('Did you mean "layers"?');
    expect(error.hint).toContain('patch');
  });

  it('name both numbers where they contradict each other', () => {
    expect(errorOf(() => build('vit', { patch: 5 })).message).toContain('patch 5 does not divide the image of 16 x 16');
    expect(errorOf(() => build('bert', { width: 100, heads: 3 })).message).toContain(
      'width 100 is not a multiple of heads 3',
    );
    expect(errorOf(() => build('gpt', { width: 0 })).message).toContain('(given: 0)');
  });

  it('name what the data lacks', () => {
    const error = errorOf(() => build('gpt', {}, digits.info));
    expect(error.code).toBe('PT_MODEL_DATA');
    expect(error.message).toContain('"tokens"');
    expect(error.message).toContain('image, label');
    expect(errorOf(() => build('vit', {}, story.info)).hint).toContain('mnist');
    expect(errorOf(() => build('bert', {}, story.info)).message).toContain('"mask"');
    const fields = story.info.fields.filter(({ name }) => name !== 'targets');
    expect(errorOf(() => build('gpt', {}, { ...story.info, fields })).message).toContain('"targets"');
  });

  it('follow the task: gpt classifies by the last real token, and tags no token that has not seen the rest', () => {
    const classifier = build('gpt', {}, reviews.info);
    expect(classifier.outcome).toMatchObject({ kind: 'class', width: 1 });
    expect(classifier.blocks.at(-1)?.params['b']?.shape).toEqual([2]);
    const [T = 0] = reviews.info.fields.find(({ name }) => name === 'tokens')?.shape ?? [];
    const tagged = [...reviews.info.fields, { name: 'tags', shape: [T], dtype: 'int32' as const }];
    const info: DataInfo = { ...reviews.info, task: 'token-classification', fields: tagged };
    expect(errorOf(() => build('gpt', {}, info)).message).toContain('from left to right');
    expect(build('bert', {}, info).outcome).toMatchObject({ kind: 'tags', width: T });
  });

  it('have defaults that the configuration accepts and micro-batches that divide the batch', () => {
    for (const { name, defaults } of BUILT_IN_MODELS) {
      expect(trainConfigSchema.safeParse({ model: name, data: 'x', ...defaults }).success).toBe(true);
      expect((defaults.batch as number) % (defaults.microBatch as number)).toBe(0);
    }
  });
});
