// Models of one's own: a file named with --model trains like a built-in one, in every shape, and its mistakes are
// named.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { scratch } from '../scratch.js';
import { trainRun } from './train-run.js';

let folder = '';
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
beforeAll(() => {
  folder = scratch();
});

/** A classifier whose first block has no parameters, so that a stage may be without any. */
const source = (forward: string): string => `
import { defineModel, nn, tf } from 'pipetrain';
import type { Block } from 'pipetrain';
const size = 256;
const flatten: Block = {
  name: 'flatten', kind: 'embedding', layer: null, params: {},
  forward: (_x, _p, context) => tf.reshape(context.field('image'), [-1, size]),
};
const layer = (index: number, from: number, to: number): Block => ({
  name: 'layer' + index, kind: 'mlp', layer: index,
  params: {
    w: { shape: [from, to], init: { kind: 'normal', std: 0.1 }, decay: true },
    b: { shape: [to], init: { kind: 'zeros' }, decay: false },
  },
  forward: (x, p, context) => ${forward},
});
const parse = (value: unknown) => value;
const safeParse = (value: unknown) => ({ success: true, data: value });
export const model = defineModel({
  name: 'mine', summary: 'a test', options: { parse, safeParse } as never, defaults: {},
  build: () => ({
    name: 'mine',
    blocks: [
      flatten, layer(0, size, 32), layer(1, 32, 16),
      { ...layer(2, 16, 10), name: 'head', kind: 'head', layer: null },
    ],
    loss: (y, context) => nn.crossEntropy(y, context.field('label')),
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
  }),
});`;

describe('a model file', () => {
  it('trains with equal bits on one worker and as a pipeline whose first stage has no parameters', async () => {
    const model = file('mine.ts', source('tf.relu(nn.linear(x!, p.w!, p.b!))'));
    const one = await trainRun({ model, modelOptions: {}, devices: 'cpu:1' });
    const four = await trainRun({ model, modelOptions: {}, devices: 'cpu:4', pipeline: 4 });
    expect(one.of('step').at(-1)?.loss).toBeLessThan(one.of('step')[0]?.loss ?? 0);
    expect(four.finished.weightsSha256).toBe(one.finished.weightsSha256);
    expect(four.finished.lossSha256).toBe(one.finished.lossSha256);
  });
  it('that throws is named with its block, and the cause', async () => {
    const model = file('throws.ts', source("(() => { throw new Error('no such luck') })()"));
    await expect(trainRun({ model, modelOptions: {} })).rejects.toMatchObject({
      exitCode: 3,
      code: 'PT_MODEL_THREW',
      message: expect.stringMatching(/layer0.*no such luck/s) as string,
    });
  });
  it('that uses an op without a definition is told which ops there are', async () => {
    const model = file('undefined-op.ts', source('tf.add(nn.linear(x!, p.w!, p.b!), tf.unique(x!).values)'));
    await expect(trainRun({ model, modelOptions: {} })).rejects.toMatchObject({
      exitCode: 3,
      code: 'PT_OP_UNDEFINED',
      message: expect.stringMatching(/layer0.*Unique|Unique.*layer0/s) as string,
      hint: expect.stringContaining('BatchMatMul') as string,
    });
  });
  it.each([
    ['ort-cpu', { devices: 'cpu:2', pipeline: 2, replicas: 1 }],
    ['tfjs-cpu', { devices: 'tfjs-cpu:1' }],
  ] as const)('that fails while it runs is named with its place, block and op on %s', async (kind, shape) => {
    // Once a sample has the label 0, rows are looked up that are not there.
    const row = "tf.mul(tf.relu(tf.sub(tf.scalar(1, 'int32'), context.field('label'))), tf.scalar(1000, 'int32'))";
    const linear = 'tf.relu(nn.linear(x!, p.w!, p.b!))';
    const model = file(`fails-${kind}.ts`, source(`index === 1 ? tf.gather(${linear}, ${row}) : ${linear}`));
    const where = `Program "mine blocks [-0-9]+ forward" fails on ${kind} in block 2 \\(layer1\\), op GatherV2: `;
    await expect(trainRun({ model, modelOptions: {}, ...shape })).rejects.toMatchObject({
      exitCode: 3,
      code: 'PT_EXECUTOR',
      message: expect.stringMatching(
        new RegExp(`^replica 0, stage (\\d), action \\1F\\d+: ${where}.*\\b1000\\b`, 's'),
      ) as string,
    });
  });
  it('that is missing is named', async () => {
    await expect(trainRun({ model: join(folder, 'nowhere.ts') })).rejects.toMatchObject({
      exitCode: expect.any(Number) as number,
      message: expect.stringContaining('nowhere.ts') as string,
    });
  });
});
