// PyTorch as a witness of bf16: a small GPT of ours rounds where docs/precision.md says and nowhere else, and is as far
// from float32 as PyTorch's autocast is. scripts/golden/make_torch_bf16_golden.py wrote the numbers; nothing here runs
// Python.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import type { Model } from '../../engine/model/block.js';
import { compilePrefix, compileStage } from '../../engine/model/compile.js';
import { roundToBfloat16 } from '../../engine/tensor/bfloat16.js';
import type { OnnxExecutor } from '../../engine/tensor/onnx-executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { goldenInputs, goldenModel, type Numbers, readGoldenRoundings } from './golden-file.js';
import { runByRole, runTraining, type Values } from './stage-run.js';

const golden = readGoldenRoundings();
const { fp32, autocast, byRule } = golden;
const LAYERS = golden.options['layers'] as number;

/** Float32 itself: 6e-8 of every number, at each of some fifty ops in a row. */
const FLOAT32 = 3e-6;

/** The inputs, and the bfloat16 copies of the parameters. */
function inputs(weight: Float32Array | undefined): Values {
  const values = goldenInputs(golden);
  if (weight !== undefined) values.set('field #weight', weight);
  for (const [role, numbers] of [...values])
    if (role.startsWith('param')) {
      const rounded = new Uint16Array(numbers.length);
      roundToBfloat16(numbers as Float32Array, rounded);
      values.set(role.replace('param', 'rounded'), rounded);
    }
  return values;
}

/**
 * The model in a precision: logits, as the role `activation`, loss and gradients, for weights of the samples that are
 * those of the file unless others are given.
 */
function compiled(executor: OnnxExecutor, precision: 'fp32' | 'bf16'): (weight?: Float32Array) => Numbers {
  const { model: exact, data } = goldenModel(golden);
  const model: Model = { ...exact, precision };
  const { from, to, microBatch } = golden;
  const stage = compileStage({ model, data, from, to, microBatch, needsInputGradient: false });
  const prefix = compilePrefix(model, data, from, to, microBatch);
  return (weight) => {
    const values = inputs(weight);
    return new Map([...runByRole(executor, prefix, values), ...runTraining(executor, stage, values)]) as Numbers;
  };
}

/** Norm of the difference as a share of the norm of a tensor in `whole`. */
function errorOf(role: string, a: Numbers, b: Numbers, whole = fp32): number {
  const [x, y, reference] = [a, b, whole].map((values) => present(values.get(role), role));
  expect(x?.length, role).toBe(y?.length);
  return Math.hypot(...(x ?? []).map((value, i) => value - (y?.[i] ?? 0))) / Math.hypot(...(reference ?? []));
}

describe('a GPT in bf16 beside PyTorch', () => {
  /** Of a single number, the loss, nobody can say how large a random error will be. */
  const tensors = [...fp32].flatMap(([role, { length }]) => (length === 1 ? [] : [{ role, count: length }]));
  let executor: OnnxExecutor;
  let exact: Numbers;
  let rounded: Numbers;
  beforeAll(() => {
    executor = openExecutor({ threads: 1 });
    exact = compiled(executor, 'fp32')();
    rounded = compiled(executor, 'bf16')();
  });
  afterAll(() => executor.close());

  it('starts from the same float32', () => {
    expect([...exact.keys()].sort()).toEqual([...fp32.keys()].sort());
    expect([...rounded.keys()].sort()).toEqual([...fp32.keys()].sort());
    for (const role of fp32.keys()) expect(errorOf(role, exact, fp32), role).toBeLessThan(FLOAT32);
  });

  // Both compute the same in float32 with the same roundings, so that what is left is float32's own error. Where a
  // number lies in the middle between two bfloat16, that error decides: 2^-24 against a distance of 2^-8, in some 8,000
  // roundings a sample, so that on another processor than that of the file one sample in four may take another way
  // behind such a number. All four of them do so once in a few hundred.
  it('rounds where the rule says, and nowhere else', () => {
    const run = compiled(executor, 'bf16');
    const errors = byRule.map((reference, sample) => {
      const weight = Float32Array.from(byRule, (_, i) => Number(i === sample));
      const values = new Map(run(weight));
      const { length } = present(reference.get('activation'), 'logits');
      const logits = present(values.get('activation'), 'logits');
      values.set('activation', logits.subarray(sample * length, (sample + 1) * length));
      return Math.max(...[...reference.keys()].map((role) => errorOf(role, values, reference, reference)));
    });
    expect(Math.min(...errors)).toBeLessThan(FLOAT32);
  });

  // Errors of independent roundings add up as squares. Autocast rounds the operands of every product: what a norm
  // leaves, once. Ours does so too, and rounds the stream that the norm reads behind every block besides: a relative
  // error of every number of the stream is one of the same size behind the norm. The stream that the last of 2 L + 1
  // norms reads was rounded 2 L + 1 times, and backwards the gradient of the stream as often; so where autocast has one
  // rounding, ours has at most 2 L + 2 of that size. Over n numbers a norm of random errors is known to 1 / sqrt(2 n),
  // the quotient of two to 1 / sqrt(n): three times that is allowed.
  it('is no further from float32 than autocast is, but for the rounded stream', () => {
    for (const { role, count } of tensors) {
      const [ours, theirs] = [errorOf(role, rounded, exact), errorOf(role, autocast, fp32)];
      expect(ours, role).toBeLessThan(Math.sqrt(2 * LAYERS + 2) * (1 + 3 / Math.sqrt(count)) * theirs);
    }
  });

  // That the two differ by no more than the sum of their errors would hold of any numbers. Many of their roundings are
  // the same ones: at worst the errors are independent, and then the difference is the root of the sum of squares. The
  // product of two independent errors of n numbers averages out to 1 / sqrt(n); three times that is allowed.
  it('errs in the direction in which autocast does, rather than in the other', () => {
    for (const { role, count } of tensors) {
      const [ours, theirs] = [errorOf(role, rounded, exact), errorOf(role, autocast, fp32)];
      const chance = (2 * 3 * ours * theirs) / Math.sqrt(count);
      expect(errorOf(role, rounded, autocast), role).toBeLessThan(Math.sqrt(ours ** 2 + theirs ** 2 + chance));
    }
  });
});
