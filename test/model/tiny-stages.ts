// A tiny language model in blocks of every kind, and one training step through the stages that cuts make of it.
import { normalAt, randomKey, uniformAt } from '../../engine/core/random.js';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Block, BlockContext, Model } from '../../engine/model/block.js';
import { compileStage, type StagePrograms } from '../../engine/model/compile.js';
import { roundToBfloat16 } from '../../engine/tensor/bfloat16.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { type Program, roleName } from '../../engine/tensor/program.js';
import { type HostArray, sizeOf } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import { runProgram } from '../tensor/parity.js';

import '#tfjs-cpu';

export const [B, S, D, V] = [3, 4, 8, 11];
export const data: DataInfo = {
  task: 'language-model',
  fields: [
    { name: 'tokens', shape: [S], dtype: 'int32' },
    { name: 'targets', shape: [S], dtype: 'int32' },
    { name: 'unused', shape: [], dtype: 'float32' },
  ],
  classes: null,
  vocabulary: V,
  sequence: S,
};

const matrix = (...shape: number[]) => ({ shape, init: { kind: 'normal', std: 0.3 }, decay: true }) as const;
const vector = (n: number) => ({ shape: [n], init: { kind: 'zeros' }, decay: false }) as const;
type Params = Readonly<Record<string, tf.Tensor>>;
type P = Record<
  'gain' | 'bias' | 'wq' | 'wk' | 'wv' | 'wo' | 'w1' | 'b1' | 'w2' | 'b2' | 'w' | 'b' | 'table' | 'position',
  tf.Tensor
>;
const block = (
  name: string,
  kind: Block['kind'],
  layer: number | null,
  params: Block['params'],
  forward: (x: tf.Tensor, p: P, c: BlockContext) => tf.Tensor,
): Block => ({
  name,
  kind,
  layer,
  params,
  forward: (x, p: Params, c) => forward(x as tf.Tensor, p as P, c),
});
const layer = (i: number): Block[] => [
  block(
    `attention-${i}`,
    'attention',
    i,
    { gain: vector(D), bias: vector(D), wq: matrix(D, D), wk: matrix(D, D), wv: matrix(D, D), wo: matrix(D, D) },
    (x, p, c) => {
      const h = nn.layerNorm(x, p.gain, p.bias);
      const mixed = nn.attention(nn.linear(h, p.wq), nn.linear(h, p.wk), nn.linear(h, p.wv), {
        heads: 2,
        causal: true,
      });
      return tf.add(x, c.dropout(nn.linear(mixed, p.wo), 0.25, 'out'));
    },
  ),
  // Plain ops on purpose: a clamp, a where and a mean leave booleans and broadcasts for the backward.
  block(
    `mlp-${i}`,
    'mlp',
    i,
    { gain: vector(D), bias: vector(D), w1: matrix(D, 16), b1: vector(16), w2: matrix(16, D), b2: vector(D) },
    (x, p) => {
      const h = nn.gelu(nn.linear(nn.layerNorm(x, p.gain, p.bias), p.w1, p.b1));
      const gated = tf.where(tf.greater(h, tf.mean(h, -1, true)), h, tf.clipByValue(h, -0.1, 0.1));
      return tf.add(x, nn.linear(gated, p.w2, p.b2));
    },
  ),
];
export const model: Model = {
  name: 'tiny',
  blocks: [
    block('embedding', 'embedding', null, { table: matrix(V, D), position: matrix(S, D) }, (_, p, c) =>
      c.dropout(tf.add(nn.embedding(c.field('tokens'), p.table), p.position), 0.1, 'embed'),
    ),
    ...layer(0),
    ...layer(1),
    block(
      'head',
      'head',
      null,
      { gain: vector(D), bias: vector(D), w: matrix(D, V), b: vector(V), unused: vector(2) },
      (x, p) => nn.linear(nn.layerNorm(x, p.gain, p.bias), p.w, p.b),
    ),
  ],
  loss: (y, c) => tf.mean(nn.crossEntropy(y, c.field('targets')), -1),
  score: (y, c) => tf.mean(tf.cast(tf.equal(tf.argMax(y, -1), c.field('targets')), 'float32'), -1),
  metric: { name: 'accuracy', higherIsBetter: true },
};
export const N = model.blocks.length;

/** Buffers by role; what nobody wrote is drawn from the role's name, so that every cut sees the same numbers. */
export class Store {
  readonly buffers = new Map<string, HostArray>();
  read(name: string, kind: string, shape: readonly number[], dtype: string): HostArray {
    const known = this.buffers.get(name);
    if (known !== undefined) return known;
    if (kind === 'rounded') {
      const rounded = new Uint16Array(sizeOf(shape));
      roundToBfloat16(this.read(name.replace(kind, 'param'), 'param', shape, 'float32') as Float32Array, rounded);
      return rounded;
    }
    const key = randomKey(7, name);
    const n = sizeOf(shape);
    if (dtype === 'int32') return Int32Array.from({ length: n }, (_, i) => Math.floor(uniformAt(key, i) * V));
    if (name === 'field #weight') return Float32Array.from({ length: n }, (_, i) => (i === 1 ? 0 : 0.5));
    if (kind === 'noise') return Float32Array.from({ length: n }, (_, i) => uniformAt(key, i));
    return Float32Array.from({ length: n }, (_, i) => 0.3 * normalAt(key, i) + (name.endsWith('gain') ? 1 : 0));
  }
  run(executor: Executor, program: Program, except: readonly string[] = []): void {
    // No device is asked to compute nothing.
    if (program.outputs.length === 0) return;
    const inputs = program.inputs.map((port) => this.read(roleName(port.role), port.role.kind, port.shape, port.dtype));
    runProgram(executor, program, inputs).forEach((array, i) => {
      const name = roleName((program.outputs[i] as Program['outputs'][number]).role);
      if (!except.includes(name)) this.buffers.set(name, array);
    });
  }
}

interface StepResult {
  readonly loss: HostArray;
  readonly gradients: ReadonlyMap<string, HostArray>;
}

export interface StepOptions {
  /** Whether backwards run in two halves. */
  readonly split?: boolean;
  readonly model?: Model;
  readonly data?: DataInfo;
}

/** One training step through the stages that `cuts` make, each with its own saved tensors. */
export function step(
  executor: Executor,
  cuts: readonly number[],
  { split = false, model: subject = model, data: facts = data }: StepOptions = {},
): StepResult {
  const bounds = [0, ...cuts, subject.blocks.length];
  const stages = bounds.slice(1).map((to, i) =>
    compileStage({
      model: subject,
      data: facts,
      from: bounds[i] as number,
      to,
      microBatch: B,
      needsInputGradient: true,
    }),
  );
  const stores = stages.map(() => new Store());
  let activation: HostArray | undefined;
  stages.forEach((stage, s) => {
    const store = stores[s] as Store;
    if (activation !== undefined) store.buffers.set('activation', activation);
    const input = activation;
    store.run(executor, stage.forward);
    activation = store.buffers.get('activation');
    if (input === undefined) store.buffers.delete('activation');
    else store.buffers.set('activation', input); // the backward reads the activation that came in
  });
  const loss = stores.at(-1)?.buffers.get('loss') as HostArray;
  const gradients = new Map<string, HostArray>();
  let gradient: HostArray | undefined;
  stages.toReversed().forEach((stage: StagePrograms, i) => {
    const store = stores[stages.length - 1 - i] as Store;
    const above = gradient;
    const programs = split
      ? [...(stage.split.input === null ? [] : [stage.split.input]), stage.split.weight]
      : [stage.backward];
    for (const program of programs) {
      if (above !== undefined) store.buffers.set('gradient', above);
      store.run(executor, program);
      if (program !== stage.split.weight) gradient = store.buffers.get('gradient');
    }
    for (const [name, array] of store.buffers) if (name.startsWith('paramGrad')) gradients.set(name, array);
  });
  return { loss, gradients };
}
