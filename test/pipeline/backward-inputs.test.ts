// A stage whose custom gradients read what its forward does not: fields of the data and noise.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fillUniform, randomKey } from '../../engine/core/random.js';
import type { DataInfo, Dataset } from '../../engine/data/dataset.js';
import type { Block, Model } from '../../engine/model/block.js';
import { compileStage } from '../../engine/model/compile.js';
import { initializeSlab, slabLayout } from '../../engine/model/slab.js';
import { BufferPool } from '../../engine/tensor/buffer-pool.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { openExecutorOf } from '../../engine/tensor/open-executor.js';
import { roleName } from '../../engine/tensor/program.js';
import * as tf from '../../engine/tensor/tf.js';
import type { Action } from '../../pipeline/action.js';
import { StageRunner, type StepInput } from '../../pipeline/stage-runner.js';

const B = 2;
const WIDTH = 4;
const M = 2;
const SEED = 7;
const STEP = 3;

const first: Block = {
  name: 'first',
  kind: 'embedding',
  layer: null,
  params: {},
  forward: (_x, _params, context) => context.field('value'),
};

/** `x` twice; its gradient is whatever `gradient` makes of the one above. */
const twice = (x: tf.Tensor, gradient: (dy: tf.Tensor) => tf.Tensor): tf.Tensor =>
  tf.customGrad((given) => ({ value: tf.mul(given as tf.Tensor, 2), gradFunc: gradient }))(x);

const scaled: Block = {
  name: 'scaled',
  kind: 'mlp',
  layer: 0,
  params: { w: { shape: [B, WIDTH], init: { kind: 'ones' }, decay: true } },
  forward: (x, { w }, context) => {
    const scale = context.field('scale');
    return tf.add(
      twice(x as tf.Tensor, (dy) => tf.mul(dy, tf.reshape(scale, [B, 1]))),
      // What is asked for here is asked for when the forward has been traced.
      twice(w as tf.Tensor, (dy) => tf.mul(context.dropout(dy, 0.5, 'back'), context.field('other'))),
    );
  },
};

const model: Model = {
  name: 'looking-back',
  blocks: [first, scaled],
  // Linear, so that the gradient above the block is the weight of the sample.
  loss: (y) => tf.sum(y, 1),
  score: null,
  metric: { name: 'loss', higherIsBetter: false },
};

const info: DataInfo = {
  fields: [
    { name: 'value', shape: [WIDTH], dtype: 'float32' },
    { name: 'scale', shape: [], dtype: 'float32' },
    { name: 'other', shape: [WIDTH], dtype: 'float32' },
  ],
  task: 'other',
  classes: null,
  vocabulary: null,
  sequence: null,
};
const scaleOf = (id: number): number => id + 1;
const otherOf = (id: number, i: number): number => 10 * id + i;
const dataset: Dataset = {
  source: 'test',
  info,
  numTrain: 100,
  numValidation: 0,
  digest: '',
  tokenizer: null,
  labels: [],
  read: (id, name, out, row) => {
    if (name === 'scale') out[row] = scaleOf(id);
    else for (let i = 0; i < WIDTH; i++) out[row * WIDTH + i] = name === 'other' ? otherOf(id, i) : 1;
  },
};

const layouts = model.blocks.map(slabLayout);
const slabs = layouts.map(({ length }) => new Float32Array(length));
model.blocks.forEach((block, i) => initializeSlab(block, layouts[i]!, SEED, slabs[i]!));
const programs = compileStage({ model, data: info, from: 1, to: 2, microBatch: B, needsInputGradient: true });

/** Gradients of a micro-batch for the stage below and for `w`, by hand. All numbers are exact in 32 bits. */
function expected(ids: readonly number[]): { below: number[]; w: number[] } {
  const elements = (of: (id: number, i: number) => number): number[] =>
    ids.flatMap((id) => Array.from({ length: WIDTH }, (_, i) => of(id, i)));
  const weight = 1 / (B * M);
  const noise = new Map(ids.map((id) => [id, new Float32Array(WIDTH)]));
  for (const [id, out] of noise) fillUniform(randomKey(SEED, 'dropout', STEP, id, 1, 'back'), out, 0, WIDTH);
  return {
    below: elements((id) => weight * scaleOf(id)),
    w: elements((id, i) => (noise.get(id)![i]! >= 0.5 ? 2 * weight * otherOf(id, i) : 0)),
  };
}

let executor: Executor;
beforeAll(async () => {
  executor = await openExecutorOf('ort-cpu', { threads: 1 });
});
afterAll(() => executor.close());

it('reads them in its backward alone', () => {
  const read = (program: typeof programs.forward): string[] => program.inputs.map(({ role }) => roleName(role));
  const only = ['field scale', 'field other', 'noise 1/back'];
  expect(read(programs.forward).filter((name) => only.includes(name))).toEqual([]);
  expect(read(programs.backward)).toEqual(expect.arrayContaining(only));
});

it.each([
  ['whole', 'FFBB', false],
  ['in halves', 'FFIIWW', false],
  ['whole, its forward computed again', 'FFBB', true],
  ['in halves, its forward computed again', 'FFIIWW', true],
])('has the right gradients, computed %s', async (_, kinds, recompute) => {
  const arrays = (): Float32Array[] => Array.from({ length: M }, () => new Float32Array(B * WIDTH).fill(1));
  const gradientOut = arrays();
  const gradients = new Map<number, Float32Array>();
  let last = new Float32Array(0);
  const sink = {
    acquire: () => ({ dense: (last = new Float32Array(layouts[1]!.length)), takeRows: () => undefined }),
    commit: (micro: number) => void gradients.set(micro, last),
  };
  const actions = [...kinds].map((kind, i) => ({ stage: 1, kind, micro: i % M }) as Action);
  const runner = new StageRunner({
    duty: { replica: 0, stage: 1, start: 0, microBatch: B, actions, recompute },
    device: { executor, pool: new BufferPool(1 << 20) },
    programs,
    tensors: {
      parameters: { layouts, of: (block) => slabs[block]! },
      rounded: null,
      gradientOffset: () => 0,
      gradientLayouts: layouts,
      borders: { activationIn: arrays(), activationOut: null, gradientIn: null, gradientOut },
    },
    source: { dataset, seed: SEED, prefix: null },
    signals: { arrived: () => Promise.resolve(), ring: () => undefined },
  });
  const input: StepInput = {
    step: STEP,
    ids: Int32Array.of(4, 9, 2, 5),
    total: B * M,
    times: { computeMs: 0, waitMs: 0, spans: [] },
  };
  for (const { kind, micro } of actions)
    if (kind === 'F') await runner.forward(input, micro);
    else if (kind === 'B') await runner.backward(input, micro, sink);
    else if (kind === 'I') await runner.backwardInput(input, micro);
    else runner.backwardWeight(input, micro, sink);
  runner.close();
  for (const [micro, ids] of [
    [4, 9],
    [2, 5],
  ].entries()) {
    const { below, w } = expected(ids);
    expect([...gradientOut[micro]!]).toEqual(below);
    expect([...gradients.get(micro)!.subarray(0, B * WIDTH)]).toEqual(w);
    // Otherwise the noise says nothing.
    expect(w.some((x) => x === 0) && w.some((x) => x !== 0)).toBe(true);
  }
});
