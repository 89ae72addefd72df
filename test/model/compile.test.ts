// Stages: wherever a model is cut, whatever program a node lands in, the loss and every gradient keep their bits.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalAt, randomKey, uniformAt } from '../../engine/core/random.js';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Block, BlockContext, Model } from '../../engine/model/block.js';
import { blockOutputShapes, compilePrefix, compileStage, type StagePrograms } from '../../engine/model/compile.js';
import { registerEager } from '../../engine/tensor/eager.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { type Program, roleName } from '../../engine/tensor/program.js';
import { type HostArray, sizeOf } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import { runProgram } from '../tensor/parity.js';

import '#tfjs-cpu';

const [B, S, D, V] = [3, 4, 8, 11];
const data: DataInfo = {
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
const model: Model = {
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
const N = model.blocks.length;

/** Buffers by role; what nobody wrote is drawn from the role's name, so that every cut sees the same numbers. */
class Store {
  readonly buffers = new Map<string, HostArray>();
  read(name: string, kind: string, shape: readonly number[], dtype: string): HostArray {
    const known = this.buffers.get(name);
    if (known !== undefined) return known;
    const key = randomKey(7, name);
    const n = sizeOf(shape);
    if (dtype === 'int32') return Int32Array.from({ length: n }, (_, i) => Math.floor(uniformAt(key, i) * V));
    if (name === 'field #weight') return Float32Array.from({ length: n }, (_, i) => (i === 1 ? 0 : 0.5));
    if (kind === 'noise') return Float32Array.from({ length: n }, (_, i) => uniformAt(key, i));
    return Float32Array.from({ length: n }, (_, i) => 0.3 * normalAt(key, i) + (name.endsWith('gain') ? 1 : 0));
  }
  run(executor: Executor, program: Program, except: readonly string[] = []): void {
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

/** One training step through the stages that `cuts` make, each with its own saved tensors. */
function step(executor: Executor, cuts: readonly number[], split = false): StepResult {
  const bounds = [0, ...cuts, N];
  const stages = bounds
    .slice(1)
    .map((to, i) =>
      compileStage({ model, data, from: bounds[i] as number, to, microBatch: B, needsInputGradient: true }),
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

describe('a compiled model', () => {
  let executor: Executor;
  let unregister: () => void;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
    unregister = registerEager(executor);
  });
  afterAll(() => {
    unregister();
    executor.close();
  });

  it('has a gradient for every parameter, zeros for an unused one', () => {
    const { gradients } = step(executor, []);
    expect([...gradients.keys()].sort()).toEqual(
      model.blocks.flatMap((b, i) => Object.keys(b.params).map((name) => `paramGrad ${i}/${name}`)).sort(),
    );
    for (const [name, array] of gradients)
      expect(
        array.some((x) => x !== 0),
        name,
      ).toBe(!name.endsWith('unused'));
  });

  it.each([[1], [2], [3], [4], [5]])('gives the same bits when cut before block %i', (cut) => {
    expect(step(executor, [cut])).toEqual(step(executor, []));
  });

  it('gives the same bits when every block is a stage', () => {
    expect(step(executor, [1, 2, 3, 4, 5])).toEqual(step(executor, []));
  });

  it.each([[[]], [[3]], [[1, 2, 3, 4, 5]]])(
    'gives the same bits when input and weight gradients are computed apart, cuts %j',
    (cuts) => {
      expect(step(executor, cuts, true)).toEqual(step(executor, []));
    },
  );

  it('equals eager autodiff over the whole model bit for bit', () => {
    const whole = step(executor, []);
    const store = new Store();
    const names = model.blocks.flatMap((b, i) =>
      Object.entries(b.params).map(([name, spec]) => ({ name, i, spec, role: `param ${i}/${name}` })),
    );
    tf.tidy(() => {
      const tensors = names.map(({ role, spec }) =>
        tf.tensor(store.read(role, 'param', spec.shape, 'float32'), [...spec.shape]),
      );
      const context = (i: number): BlockContext => ({
        isTraining: true,
        field: (name) =>
          name === '#weight'
            ? tf.tensor1d(store.read('field #weight', 'field', [B], 'float32'))
            : tf.tensor(store.read(`field ${name}`, 'field', [B, S], 'int32'), [B, S], 'int32'),
        dropout: (x, rate, tag) =>
          nn.dropout(x, tf.tensor(store.read(`noise ${i}/${tag}`, 'noise', x.shape, 'float32'), x.shape), rate),
      });
      const loss = (): tf.Tensor => {
        const y = model.blocks.reduce<tf.Tensor | null>(
          (x, b, i) =>
            b.forward(
              x,
              Object.fromEntries(names.flatMap((n, k) => (n.i === i ? [[n.name, tensors[k] as tf.Tensor]] : []))),
              context(i),
            ),
          null,
        );
        return tf.sum(tf.mul(context(N).field('#weight'), model.loss(y as tf.Tensor, context(N))));
      };
      const { value, grads } = tf.engine().gradients(loss, tensors, undefined, true);
      expect(value.dataSync()).toEqual(whole.loss);
      names.forEach(({ i, name }, k) => {
        if (grads[k] != null) expect(grads[k].dataSync(), name).toEqual(whole.gradients.get(`paramGrad ${i}/${name}`));
      });
    });
  });

  it('agrees with central differences', () => {
    const stage = compileStage({ model, data, from: 0, to: N, microBatch: B, needsInputGradient: false });
    const gradients = step(executor, []).gradients;
    const lossAt = (role: string, index: number, delta: number): number => {
      const store = new Store();
      const port = stage.forward.inputs.find((p) => roleName(p.role) === role) as Program['inputs'][number];
      const moved = store.read(role, 'param', port.shape, 'float32').slice();
      moved[index] = (moved[index] as number) + delta;
      store.buffers.set(role, moved);
      store.run(executor, stage.forward);
      return store.buffers.get('loss')?.[0] as number;
    };
    const h = 1e-2;
    for (const [role, index] of [
      ['param 0/table', 17],
      ['param 1/wq', 5],
      ['param 1/gain', 3],
      ['param 2/w1', 40],
      ['param 4/b2', 2],
      ['param 5/w', 30],
    ] as const) {
      const slope = (lossAt(role, index, h) - lossAt(role, index, -h)) / (2 * h);
      // The loss is about 2.5 with a rounding of 2e-7, so the quotient is off by up to 3e-5; its own error of order h^2
      // is 1e-4.
      expect(gradients.get(role.replace('param', 'paramGrad'))?.[index], role).toBeCloseTo(slope, 3);
    }
  });

  it('evaluates without dropout: loss and score, and no activation copies', () => {
    const { evaluate } = compileStage({ model, data, from: 0, to: N, microBatch: B, needsInputGradient: false });
    expect(evaluate.inputs.some(({ role }) => role.kind === 'noise')).toBe(false);
    const store = new Store();
    store.run(executor, evaluate);
    expect(Number(store.buffers.get('loss')?.[0])).toBeGreaterThan(0);
    expect(Number(store.buffers.get('score')?.[0])).toBeLessThanOrEqual(1);
    const parts = [
      compileStage({ model, data, from: 0, to: 2, microBatch: B, needsInputGradient: false }),
      compileStage({ model, data, from: 2, to: N, microBatch: B, needsInputGradient: false }),
    ];
    const chain = new Store();
    for (const part of parts) chain.run(executor, part.evaluate);
    expect(chain.buffers.get('loss')).toEqual(store.buffers.get('loss'));
    expect(chain.buffers.get('score')).toEqual(store.buffers.get('score'));
  });

  it('computes a frozen prefix as evaluation does, in one piece or in two', () => {
    const run = (...programs: Program[]): HostArray => {
      const store = new Store();
      for (const program of programs) store.run(executor, program);
      return store.buffers.get('activation') as HostArray;
    };
    const whole = run(compilePrefix(model, data, 0, 3, B));
    expect(run(compilePrefix(model, data, 0, 1, B), compilePrefix(model, data, 1, 3, B))).toEqual(whole);
    expect(
      run(compileStage({ model, data, from: 0, to: 3, microBatch: B, needsInputGradient: false }).evaluate),
    ).toEqual(whole);
  });

  it('knows the shapes at its borders', () => {
    const stage = compileStage({ model, data, from: 1, to: 3, microBatch: B, needsInputGradient: false });
    expect(stage).toMatchObject({ activationIn: [B, S, D], activationOut: [B, S, D], split: { input: null } });
    expect(stage.backward.outputs.some(({ role }) => role.kind === 'gradient')).toBe(false);
    expect(blockOutputShapes(model, data, B)).toEqual([...Array<number[]>(5).fill([B, S, D]), [B, S, V]]);
  });

  it('saves neither inputs nor reshapes, and takes the incoming activation again', () => {
    const stage = compileStage({ model, data, from: 1, to: 2, microBatch: B, needsInputGradient: true });
    const saved = stage.forward.outputs.filter(({ role }) => role.kind === 'saved');
    const ops = saved.map(({ value }) => stage.forward.graph.nodes.find((node) => node.outputs.includes(value))?.op);
    // q, k, v, attention's output and probabilities; the normed input is computed again
    expect(ops).toEqual(['PtLinear', 'PtLinear', 'PtLinear', 'PtAttention', 'PtAttention']);
    expect(stage.backward.inputs.map(({ role }) => role.kind)).toContain('activation');
    const noise = stage.backward.inputs.filter(({ role }) => role.kind === 'noise');
    expect(stage.savedBytes).toBe([...saved, ...noise].reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0));
  });

  it('saves neither the result of a GELU nor the normed input of an MLP', () => {
    const stage = compileStage({ model, data, from: 2, to: 3, microBatch: B, needsInputGradient: true });
    const saved = stage.forward.outputs.filter(({ role }) => role.kind === 'saved');
    const ops = (values: readonly { value: number }[]): (string | undefined)[] =>
      values.map(({ value }) => stage.forward.graph.nodes.find((node) => node.outputs.includes(value))?.op);
    const redone = ['PtGelu', 'PtLayerNorm'];
    expect(stage.forward.graph.nodes.map(({ op }) => op)).toEqual(expect.arrayContaining(redone));
    expect(ops(saved).filter((op) => redone.includes(op ?? ''))).toEqual([]);
    expect(ops(saved)).toContain('PtLinear');
  });
});

describe('a model that cannot be compiled', () => {
  const broken = (forward: Block['forward']): Model => ({
    ...model,
    name: 'broken',
    blocks: [{ ...(model.blocks[0] as Block), name: 'bad', forward }],
  });
  const compile = (m: Model): unknown =>
    compileStage({ model: m, data, from: 0, to: m.blocks.length, microBatch: B, needsInputGradient: false });
  const cause = new TypeError('boom');
  it.each([
    [
      'that throws',
      broken(() => {
        throw cause;
      }),
      { code: 'PT_MODEL_THREW', message: 'Model broken, block bad threw: boom', cause },
    ],
    [
      'with an op of another shape',
      broken((_, p) => tf.matMul(p['table'] as tf.Tensor, p['position'] as tf.Tensor)),
      { code: 'PT_MODEL_THREW' },
    ],
    [
      'that loses the batch',
      broken((_, p) => p['position'] as tf.Tensor),
      { code: 'PT_BLOCK_OUTPUT', message: 'Model broken, block bad returns the shape [4, 8], wanted [3, ...]' },
    ],
    ['that returns no tensor', broken(() => undefined as unknown as tf.Tensor), { code: 'PT_BLOCK_OUTPUT' }],
    ['that returns integers', broken((_, __, c) => c.field('tokens')), { code: 'PT_BLOCK_OUTPUT' }],
    [
      'that reads a missing field',
      broken((_, __, c) => c.field('image')),
      {
        code: 'PT_FIELD_UNKNOWN',
        message: 'Model broken, block bad reads the field "image", the data has "tokens", "targets", "unused"',
      },
    ],
    [
      'that repeats a dropout tag',
      broken((_, p, c) =>
        c.dropout(c.dropout(nn.embedding(c.field('tokens'), p['table'] as tf.Tensor), 0.1, 'a'), 0.1, 'a'),
      ),
      { code: 'PT_DROPOUT' },
    ],
    [
      'with an undefined op',
      broken((_, p, c) => tf.unique(nn.embedding(c.field('tokens'), p['table'] as tf.Tensor)).values),
      {
        code: 'PT_OP_UNDEFINED',
        message: 'Model broken, block bad uses the op Unique, which pipetrain does not define',
      },
    ],
    [
      'with a loss per token',
      { ...model, loss: (y: tf.Tensor, c: BlockContext) => nn.crossEntropy(y, c.field('targets')) },
      { code: 'PT_BLOCK_OUTPUT', message: 'Model tiny, loss returns the shape [3, 4], wanted [3]' },
    ],
  ])('names the culprit: %s', (_, bad, expected) => {
    const before = tf.engine().state.numTensors;
    let error: unknown;
    try {
      compile(bad);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject(expected);
    expect(tf.engine().state.numTensors).toBe(before);
  });
});
