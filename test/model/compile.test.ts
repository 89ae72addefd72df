// Stages: wherever a model is cut, whatever program a node lands in, the loss and every gradient keep their bits.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlockContext } from '../../engine/model/block.js';
import { blockOutputShapes, compilePrefix, compileStage } from '../../engine/model/compile.js';
import { registerEager } from '../../engine/tensor/eager.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { type Program, roleName } from '../../engine/tensor/program.js';
import { type HostArray, sizeOf } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import { B, D, data, model, N, S, step, Store, V } from './tiny-stages.js';

import '#tfjs-cpu';

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
      expect(step(executor, cuts, { split: true })).toEqual(step(executor, []));
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
            ? tf.tensor1d(store.read('field #weight', 'field', [B], 'float32') as Float32Array)
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

  it('evaluates without dropout: what is told of every sample, and no activation copies', () => {
    const { evaluate } = compileStage({ model, data, from: 0, to: N, microBatch: B, needsInputGradient: false });
    expect(evaluate.inputs.some(({ role }) => role.kind === 'noise')).toBe(false);
    const store = new Store();
    store.run(executor, evaluate);
    const losses = store.buffers.get('losses');
    expect(losses).toHaveLength(B);
    for (const loss of losses ?? []) expect(loss).toBeGreaterThan(0);
    expect(store.buffers.get('loss')).toBeUndefined();
    const parts = [
      compileStage({ model, data, from: 0, to: 2, microBatch: B, needsInputGradient: false }),
      compileStage({ model, data, from: 2, to: N, microBatch: B, needsInputGradient: false }),
    ];
    const chain = new Store();
    for (const part of parts) chain.run(executor, part.evaluate);
    expect(chain.buffers.get('losses')).toEqual(losses);
    expect(chain.buffers.get('outcome')).toEqual(store.buffers.get('outcome'));
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
