import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Block, Model } from '../../engine/model/block.js';
import { compilePrefix, compileStage, type StagePrograms } from '../../engine/model/compile.js';
import type { Executor } from '../../engine/tensor/executor.js';
import * as nn from '../../engine/tensor/nn.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import type { Port, Program } from '../../engine/tensor/program.js';
import { sizeOf } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import { relativeError } from './stage-run.js';
import { B, data, model as tiny, N, step, Store } from './tiny-stages.js';

const model: Model = { ...tiny, precision: 'bf16' };
const compile = (from: number, to: number, subject = model): StagePrograms =>
  compileStage({ model: subject, data, from, to, microBatch: B, needsInputGradient: true });
const portOf = (ports: readonly Port[], kind: string): Port =>
  present(
    ports.find(({ role }) => role.kind === kind),
    kind,
  );

describe('a bf16 run', () => {
  let executor: Executor;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
  });
  afterAll(() => executor.close());

  it('has the same bits wherever the model is cut, with whole backwards and with halves', () => {
    const whole = step(executor, [], { model });
    for (const cuts of [[1], [3], [2, 4], [1, 2, 3, 4, 5]]) {
      expect(step(executor, cuts, { model }), `cut at ${cuts.join()}`).toEqual(whole);
      expect(step(executor, cuts, { model, split: true }), `cut at ${cuts.join()}, in halves`).toEqual(whole);
    }
  });

  it('is near the run in float32, and not the same', () => {
    const [rounded, exact] = [step(executor, [], { model }), step(executor, [])];
    // A rounding is off by up to 2^-9; on the way to the loss are some ten, on the longest one to a gradient some
    // thirty.
    expect(relativeError(rounded.loss, exact.loss)).toBeLessThan(10 * 2 ** -9);
    expect(rounded.loss).not.toEqual(exact.loss);
    for (const [name, gradient] of exact.gradients) {
      if (name.endsWith('unused')) continue;
      const error = relativeError(present(rounded.gradients.get(name), name), gradient);
      expect(error, name).toBeLessThan(30 * 2 ** -9);
    }
  });

  it('carries half the bytes over borders, in both directions, and from forward to backward', () => {
    const [stage, wide] = [compile(1, 3), compile(1, 3, tiny)];
    expect(portOf(stage.forward.inputs, 'activation').dtype).toBe('bfloat16');
    expect(portOf(stage.forward.outputs, 'activation').dtype).toBe('bfloat16');
    expect(portOf(stage.backward.inputs, 'gradient').dtype).toBe('bfloat16');
    expect(portOf(stage.backward.outputs, 'gradient').dtype).toBe('bfloat16');
    const sizes = (programs: StagePrograms): number[] =>
      programs.forward.outputs.flatMap(({ role, shape, dtype }) =>
        role.kind === 'saved' && dtype !== 'int32' ? [sizeOf(shape)] : [],
      );
    expect(sizes(stage)).toEqual(sizes(wide));
    expect(stage.savedBytes).toBeLessThan(wide.savedBytes);
  });

  it('leaves gradients of parameters, the loss and what it is computed from in float32', () => {
    const stage = compile(4, N);
    const kinds = stage.backward.outputs.map(({ role, dtype }) => `${role.kind} ${dtype}`);
    expect(new Set(kinds)).toEqual(new Set(['gradient bfloat16', 'paramGrad float32']));
    expect(portOf(stage.forward.outputs, 'loss').dtype).toBe('float32');
    const output = compilePrefix(model, data, 0, N, B);
    expect(portOf(output.outputs, 'activation').dtype).toBe('float32');
    const store = new Store();
    store.run(executor, output);
    const logits = store.buffers.get('activation') as Float32Array;
    expect(new Uint32Array(logits.buffer).some((word) => (word & 0xffff) !== 0)).toBe(true);
  });

  it('computes a frozen prefix as evaluation does, in one piece or in two', () => {
    const run = (...programs: Program[]) => {
      const store = new Store();
      for (const program of programs) store.run(executor, program);
      return store.buffers.get('activation');
    };
    const whole = run(compilePrefix(model, data, 0, 3, B));
    expect(whole).toBeInstanceOf(Uint16Array);
    expect(run(compilePrefix(model, data, 0, 1, B), compilePrefix(model, data, 1, 3, B))).toEqual(whole);
    expect(run(compile(0, 3).evaluate)).toEqual(whole);
  });

  it('has the same bits over a border behind a block that computes nothing', () => {
    const same: Block = { name: 'same', kind: 'other', layer: null, params: {}, forward: (x) => x as tf.Tensor };
    const [embedding, attention, ...rest] = tiny.blocks as [Block, Block, ...Block[]];
    for (const blocks of [
      // Its gradient comes from the loss, in float32, and from a block in float32.
      [...tiny.blocks, same],
      [embedding, same, { ...attention, precision: 'fp32' as const }, ...rest],
    ]) {
      const odd: Model = { ...model, blocks };
      const whole = step(executor, [], { model: odd });
      const cuts = blocks.map((_, i) => i).slice(1);
      for (const cut of cuts) expect(step(executor, [cut], { model: odd }), `cut at ${cut}`).toEqual(whole);
      expect(step(executor, cuts, { model: odd, split: true })).toEqual(whole);
    }
  });

  it('has the same bits over a border behind a block that hands on a field of the data', () => {
    const info: DataInfo = { ...data, fields: [{ name: 'image', shape: [2, 3], dtype: 'float32' }] };
    const pixels: Block = {
      name: 'pixels',
      kind: 'other',
      layer: null,
      params: {},
      forward: (_, _params, c) => tf.reshape(c.field('image'), [B, 6]),
    };
    const head: Block = {
      name: 'head',
      kind: 'head',
      layer: null,
      params: { w: { shape: [6, 4], init: { kind: 'normal', std: 1 }, decay: true } },
      // Beside the product it is read as it is.
      forward: (x, { w }) => tf.mul(nn.linear(x as tf.Tensor, w as tf.Tensor), tf.mean(x as tf.Tensor, -1, true)),
    };
    const odd: Model = { ...model, blocks: [pixels, head], loss: (y) => tf.mean(tf.square(y), -1), score: null };
    const options = { model: odd, data: info };
    expect(step(executor, [1], options)).toEqual(step(executor, [], options));
  });

  it('computes a block that asks for it in float32, and takes its borders as they are', () => {
    const blocks = tiny.blocks.map((block, i) => (i === 2 ? { ...block, precision: 'fp32' as const } : block));
    const mixed: Model = { ...model, blocks };
    const stage = compile(2, 3, mixed);
    expect(portOf(stage.forward.inputs, 'activation').dtype).toBe('bfloat16');
    expect(portOf(stage.forward.outputs, 'activation').dtype).toBe('float32');
    expect(portOf(stage.backward.inputs, 'gradient').dtype).toBe('bfloat16');
    expect(portOf(stage.backward.outputs, 'gradient').dtype).toBe('float32');
    expect(stage.forward.graph.nodes.some(({ op }) => op === 'PtRound')).toBe(false);
    expect(step(executor, [2, 3], { model: mixed })).toEqual(step(executor, [], { model: mixed }));
  });
});
