// PyTorch as a witness: the blocks of the built-in models, their gradients and the optimizers give the numbers that
// PyTorch gives in float64. scripts/golden/make_torch_golden.py wrote them; nothing here runs Python.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import { compileStage, type StagePrograms } from '../../engine/model/compile.js';
import { entryView, slabLayout } from '../../engine/model/slab.js';
import { clipScale } from '../../engine/protocol/step-result.js';
import type { OnnxExecutor } from '../../engine/tensor/onnx-executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { Optimizer, stateCount } from '../../engine/tensor/optimizer.js';
import { type GoldenFile, goldenInputs, goldenModel, type GoldenStage, readGoldenFiles } from './golden-file.js';
import { portsOf, relativeError, runByRole, runTraining, type Values } from './stage-run.js';

// Errors are the largest of a tensor, as a share of its largest number. The files are exact to 1e-10, so what is left
// is our own rounding: 6e-8 of every number at each of some ten ops in a row for one block and thirty for a whole
// model, sums of up to 16 products among them.
const ROUNDING = 3e-6;
// Five steps, each of which starts from the rounded weights of the one before and adds its own rounding of 6e-8 of a
// weight and 1e-6 of a change that is smaller than a weight. PyTorch adds 1e-6 to the norm it clips by, which at a norm
// of 40 is a share of 3e-8.
const TRAINING_ROUNDING = 3e-6;

const { stages, trainings } = readGoldenFiles();

let executor: OnnxExecutor;
beforeAll(() => {
  executor = openExecutor({ threads: 1 });
});
afterAll(() => executor.close());

function compile(golden: GoldenFile): StagePrograms {
  const { from, to, microBatch } = golden;
  return compileStage({ ...goldenModel(golden), from, to, microBatch, needsInputGradient: true });
}

function expectClose(actual: Values, expected: Readonly<Record<string, readonly number[]>>, tolerance: number): void {
  expect([...actual.keys()].sort()).toEqual(Object.keys(expected).sort());
  for (const [role, numbers] of Object.entries(expected)) {
    expect(relativeError(present(actual.get(role), role), Float64Array.from(numbers)), role).toBeLessThanOrEqual(
      tolerance,
    );
  }
}

/** What a model tells of each sample as the file has it: sums of losses and of right classes, with its weights. */
function weighted({ evaluation }: GoldenStage, told: Values, inputs: Values): Values {
  const of = (values: Values, role: string): number[] => [...present(values.get(role), role)];
  const weights = of(inputs, 'field #weight');
  const sum = (values: readonly number[]): Float32Array =>
    Float32Array.of(values.reduce((total, value, i) => total + value * (weights[i] ?? NaN), 0));
  const loss = ['loss', sum(of(told, 'losses'))] as const;
  if (evaluation['score'] === undefined) return new Map([loss]);
  const labels = of(inputs, 'field label');
  const right = of(told, 'outcome').map((guess, i) => (guess === labels[i] ? 1 : 0));
  return new Map([loss, ['score', sum(right)]]);
}

describe('blocks and models compute what PyTorch computes', () => {
  it('has every kind of block of every model, and every optimizer', () => {
    const models = ['bert', 'gpt', 'vit'];
    const wanted = [
      ...models.flatMap((name) => ['attention', 'head', 'whole'].map((part) => `${name}-${part}`)),
      'bert-mlp',
      'gpt-mlp',
    ];
    expect(stages.map(([name]) => name).sort()).toEqual(wanted.sort());
    expect(trainings.map(([name]) => name)).toEqual([
      'training-adamw',
      'training-clipped',
      'training-momentum',
      'training-nesterov',
    ]);
  });

  it.each(stages)('%s: output and all gradients', (_, golden) => {
    const stage = compile(golden);
    const values = goldenInputs(golden);
    // Both sides speak of the same inputs in the same shapes.
    expect(golden.inputs.map(({ role, shape }) => [role, shape]).sort()).toEqual(
      [...portsOf(stage)].map(([role, { shape }]) => [role, shape]).sort(),
    );
    expectClose(runTraining(executor, stage, values), golden.outputs, ROUNDING);
  });

  it.each(stages)('%s: evaluation', (_, golden) => {
    const values = goldenInputs(golden);
    const told = runByRole(executor, compile(golden).evaluate, values);
    expectClose(told.has('losses') ? weighted(golden, told, values) : told, golden.evaluation, ROUNDING);
  });
});

describe('training steps move the weights as those of PyTorch do', () => {
  it.each(trainings)('%s', (_, golden) => {
    const { model } = goldenModel(golden);
    const values = goldenInputs(golden);
    const stage = compile(golden);
    const optimizer = new Optimizer(executor, golden.optimizer);
    // Blocks as the engine holds them: a slab each for weights, gradients and states.
    const slabs = model.blocks.slice(golden.from, golden.to).map((block, i) => {
      const layout = slabLayout(block);
      const [weights, grads] = [new Float32Array(layout.length), new Float32Array(layout.length)];
      const states = Array.from({ length: stateCount(golden.optimizer) }, () => new Float32Array(layout.length));
      const params = layout.entries.map((entry) => {
        const role = `param ${golden.from + i}/${entry.name}`;
        return { role, weights: entryView(weights, entry), grads: entryView(grads, entry) };
      });
      for (const param of params) {
        param.weights.set(present(values.get(param.role), param.role));
        values.set(param.role, param.weights);
      }
      return { params, grads, update: optimizer.bind(weights, grads, states, layout.segments) };
    });
    golden.steps.forEach(({ learningRate, gradNorm, params }, step) => {
      const gradients = runTraining(executor, stage, values);
      for (const param of slabs.flatMap((slab) => slab.params)) {
        const role = param.role.replace('param', 'paramGrad');
        param.grads.set(present(gradients.get(role), role));
      }
      const norm = Math.hypot(...slabs.flatMap(({ grads }) => [...grads]));
      expect(Math.abs(norm / gradNorm - 1), `norm of step ${step + 1}`).toBeLessThan(TRAINING_ROUNDING);
      const gradientScale = clipScale(norm, golden.clip);
      expect(gradientScale < 1).toBe(golden.clip > 0);
      for (const { update } of slabs) update.run({ learningRate, gradientScale, updateCount: step + 1 });
      expectClose(
        new Map(slabs.flatMap((slab) => slab.params).map(({ role, weights }) => [role, weights])),
        params,
        TRAINING_ROUNDING,
      );
    });
    for (const { update } of slabs) update.free();
    optimizer.free();
  });
});
