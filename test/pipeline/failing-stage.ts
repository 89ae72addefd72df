// A stage whose programs can be made to fail where a test wants it: its block looks rows up by indices that come from
// the data, one in the forward and one in either half of the backward. Real programs on real executors.
import type { DataInfo, Dataset } from '../../engine/data/dataset.js';
import type { Block, Model } from '../../engine/model/block.js';
import { compileStage } from '../../engine/model/compile.js';
import { initializeSlab, type ParameterSlabs, slabLayout } from '../../engine/model/slab.js';
import { BufferPool } from '../../engine/tensor/buffer-pool.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as tf from '../../engine/tensor/tf.js';
import type { Action } from '../../pipeline/action.js';
import { type GradientSink, StageRunner, type StageSource, type StepInput } from '../../pipeline/stage-runner.js';

/** Samples of a micro-batch, elements of a sample, micro-batches of the replica. */
export const B = 2;
const WIDTH = 4;
const M = 2;

/** Fields with a row to look up. */
export type Index = 'forwardAt' | 'inputAt' | 'weightAt';

/** From this sample on a wrong index is read. */
export const WRONG_FROM = 100;

/** A sum with an index whose gradient passes through a look-up; the forward reads the index, but looks up nothing. */
const lookingBack = (x: tf.Tensor, index: tf.Tensor): tf.Tensor =>
  tf.customGrad((given) => ({
    value: tf.add(given as tf.Tensor, tf.reshape(tf.cast(index, 'float32'), [B, 1])),
    gradFunc: (dy: tf.Tensor) => tf.gather(dy, index as tf.Tensor1D),
  }))(x);

const w = { shape: [B, WIDTH], init: { kind: 'ones' }, decay: true } as const;

const first: Block = {
  name: 'first',
  kind: 'embedding',
  layer: null,
  params: {},
  forward: (_x, _params, context) => tf.neg(context.field('value')),
};
const gates: Block = {
  name: 'gates',
  kind: 'mlp',
  layer: 0,
  params: { w },
  forward: (x, params, context) => {
    const rows = tf.gather(x as tf.Tensor, context.field('forwardAt') as tf.Tensor1D);
    return tf.add(
      lookingBack(rows, context.field('inputAt')),
      lookingBack(params['w'] as tf.Tensor, context.field('weightAt')),
    );
  },
};
const head: Block = { name: 'head', kind: 'head', layer: null, params: {}, forward: (x) => tf.square(x as tf.Tensor) };

export const model: Model = {
  name: 'gated',
  blocks: [first, gates, head],
  loss: (y) => tf.sum(y, 1),
  score: null,
  metric: { name: 'loss', higherIsBetter: false },
};

export const info: DataInfo = {
  fields: [
    { name: 'value', shape: [WIDTH], dtype: 'float32' },
    ...(['forwardAt', 'inputAt', 'weightAt'] as const).map((name) => ({ name, shape: [], dtype: 'int32' as const })),
  ],
  task: 'other',
  classes: null,
  vocabulary: null,
  sequence: null,
};

/** Data whose `wrong` index lies outside from sample WRONG_FROM on. */
export const dataOf = (wrong: Index): Dataset => ({
  source: 'test',
  info,
  numTrain: 1000,
  numValidation: 0,
  digest: '',
  tokenizer: null,
  labels: [],
  read: (id, name, out, row) => {
    if (name === 'value') out.fill(id, row * WIDTH, (row + 1) * WIDTH);
    else out[row] = name === wrong && id >= WRONG_FROM ? 7 : 0;
  },
});

const layouts = model.blocks.map(slabLayout);
const slabs = layouts.map(({ length }) => new Float32Array(length));
model.blocks.forEach((block, i) => initializeSlab(block, layouts[i]!, 1, slabs[i]!));
export const parameters: ParameterSlabs = { layouts, of: (block) => slabs[block]! };

const arrays = (): Float32Array[] => Array.from({ length: M }, () => new Float32Array(B * WIDTH));

/** Stage 2 of replica 1, with the blocks from `from` to the last, and a source that a test may change. */
export function stageOf(
  executor: Executor,
  source: Omit<StageSource, 'seed'>,
  { from = 1, kinds = 'FB', recompute = false }: { from?: number; kinds?: 'FB' | 'FIW'; recompute?: boolean } = {},
): StageRunner {
  const to = model.blocks.length;
  const actions = [...kinds].map((kind) => ({ stage: 2, kind, micro: 1 }) as Action);
  return new StageRunner({
    duty: { replica: 1, stage: 2, start: 0, microBatch: B, actions, recompute },
    device: { executor, pool: new BufferPool(1 << 20) },
    programs: compileStage({ model, data: info, from, to, microBatch: B, needsInputGradient: true }),
    tensors: {
      parameters,
      rounded: null,
      gradientOffset: () => 0,
      gradientLayouts: layouts,
      borders: { activationIn: arrays(), activationOut: null, gradientIn: null, gradientOut: arrays() },
    },
    source: { seed: 1, ...source },
    signals: { arrived: () => Promise.resolve(), ring: () => undefined },
  });
}

/** A step whose samples count up from `id`. */
export const stepFrom = (id: number): StepInput => ({
  step: 0,
  ids: Int32Array.from({ length: B * M }, (_, i) => id + i),
  total: B * M,
  times: { computeMs: 0, waitMs: 0, spans: [] },
});

export const sink: GradientSink = {
  acquire: () => ({ dense: new Float32Array(layouts[1]!.length), takeRows: () => undefined }),
  commit: () => undefined,
};
