// Every block of every built-in model: what the engine computes, compiled and op by op, against the mathematical
// definitions on TensorFlow.js' own cpu backend, values and all gradients; and the gradients against differences of the
// loss.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import { bitsAt, normalAt, randomKey, uniformAt } from '../../engine/core/random.js';
import type { DataInfo } from '../../engine/data/dataset.js';
import { buildModel } from '../../engine/model/build-model.js';
import { compilePrefix, compileStage } from '../../engine/model/compile.js';
import { BUILT_IN_MODELS } from '../../engine/model/registry.js';
import { registerEager } from '../../engine/tensor/eager.js';
import type { Executor } from '../../engine/tensor/executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { type Port, roleName } from '../../engine/tensor/program.js';
import { type HostArray, hostArray, sizeOf } from '../../engine/tensor/shape.js';
import { type EagerBlock, evaluateEagerly, trainEagerly } from './block-eager.js';
import { portsOf, relativeError, runByRole, runTraining, type Values } from './stage-run.js';

import '#tfjs-cpu';

// Blocks call nn by name; here those names mean the definitions while the cpu backend is active.
vi.mock('../../engine/tensor/nn.js', async (importOriginal) =>
  (await import('./reference-nn.js')).byBackend(await importOriginal()),
);

const [B, T, SIDE, CLASSES, VOCABULARY] = [3, 5, 8, 3, 11];
const common = { classes: CLASSES, vocabulary: VOCABULARY, sequence: T };
const integers = (name: string, shape: number[]): DataInfo['fields'][number] => ({ name, shape, dtype: 'int32' });
const INFO: Readonly<Record<string, DataInfo>> = {
  vit: {
    ...common,
    task: 'image-classification',
    fields: [{ name: 'image', shape: [SIDE, SIDE], dtype: 'float32' }, integers('label', [])],
  },
  bert: {
    ...common,
    task: 'text-classification',
    fields: [integers('tokens', [T]), { name: 'mask', shape: [T], dtype: 'float32' }, integers('label', [])],
  },
  gpt: { ...common, task: 'language-model', fields: [integers('tokens', [T]), integers('targets', [T])] },
};

// Each error is the largest one of a tensor, as a share of the tensor's largest number. A float32 is rounded by 6e-8 of
// itself; a number here is the end of some ten ops in a row, among them sums of up to 512 products, whose roundings
// grow with the root of their number, and normalisations that divide differences by the spread of a row. TensorFlow.js'
// erf is an approximation that is off by 1.5e-7. Together that is some 1e-6.
const ROUNDING = 3e-6;
// A power of two, so that a moved weight moves by it nearly exactly. The quotient is off by h^2 / 6 of the third
// derivative, which is of the order of the gradients, so by some 1e-4 of them; and by the rounding of the objective, a
// sum of some 100 terms rounded by 1e-7 each, over 2 h, so by as much again.
const H = 2 ** -6;
const DIFFERENCES = 1e-3;

/** The random input for a port. Biases and gains are far from 0 and 1, so that none can be left out unseen. */
function draw(seed: string, { role, shape, dtype }: Port): HostArray {
  const name = roleName(role);
  const key = randomKey(11, seed, name);
  const fill = (at: (i: number) => number): HostArray => {
    const array = hostArray(dtype, shape);
    for (let i = 0; i < array.length; i++) array[i] = at(i);
    return array;
  };
  const below = (n: number): HostArray => fill((i) => bitsAt(key, i) % n);
  switch (name) {
    case 'field label':
      return below(CLASSES);
    case 'field tokens':
    case 'field targets':
      return below(VOCABULARY);
    case 'field mask':
      // The first token is always real.
      return fill((i) => (i % T === 0 || uniformAt(key, i) < 0.6 ? 1 : 0));
    case 'field #weight':
      // The last sample is padding.
      return fill((i) => [1, 0.5, 0][i] as number);
    case 'field image':
      return fill((i) => uniformAt(key, i));
  }
  if (role.kind === 'noise') return fill((i) => uniformAt(key, i));
  if (role.kind !== 'param') return fill((i) => normalAt(key, i));
  const [rows = 1] = shape;
  if (shape.length > 1) return fill((i) => normalAt(key, i) / Math.sqrt(rows));
  return fill((i) => (name.endsWith('Gain') ? 1 : 0) + 0.4 * normalAt(key, i));
}

const SIZES = {
  'small, with dropout': { width: 8, layers: 2, heads: 2, ff: 12, dropout: 0.25 },
  'of default size': { layers: 1 },
};
const cases = BUILT_IN_MODELS.flatMap((definition) =>
  Object.entries(SIZES).flatMap(([size, options]) => {
    const data = present(INFO[definition.name], `data for ${definition.name}`);
    const model = buildModel(definition, options, data);
    return model.blocks.map((block, index) => ({
      name: `${definition.name} ${size}: ${block.name}`,
      model,
      data,
      index,
    }));
  }),
);

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

describe.each(cases)('$name', ({ name, model, data, index }) => {
  let stage: ReturnType<typeof compileStage>;
  let ports: Map<string, Port>;
  let values: Values;
  let block: EagerBlock;
  beforeAll(() => {
    stage = compileStage({ model, data, from: index, to: index + 1, microBatch: B, needsInputGradient: true });
    ports = portsOf(stage);
    values = new Map([...ports].map(([role, port]) => [role, draw(name, port)]));
    block = { model, index, ports, values };
  });

  const expectClose = (actual: Values, expected: Values): void => {
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [role, array] of expected) {
      expect(relativeError(present(actual.get(role), role), array), role).toBeLessThanOrEqual(ROUNDING);
    }
  };

  it('has the output and every gradient of its definition, compiled and op by op', () => {
    const reference = trainEagerly('cpu', block);
    const params = Object.keys(present(model.blocks[index], name).params).map((param) => `paramGrad ${index}/${param}`);
    expect([...reference.keys()]).toEqual([
      index < model.blocks.length - 1 ? 'activation' : 'loss',
      ...(index > 0 ? ['gradient'] : []),
      ...params,
    ]);
    for (const [role, array] of reference)
      expect(
        array.some((x) => x !== 0),
        role,
      ).toBe(true);
    const compiled = runTraining(executor, stage, values);
    expectClose(compiled, reference);
    expectClose(trainEagerly('pipetrain-ort', block), reference);
    // Which program computes a gradient is no reason for another bit.
    expect(runTraining(executor, stage, values, true)).toEqual(compiled);
  });

  it('evaluates as its definition says', () => {
    const reference = evaluateEagerly('cpu', block);
    const output = runByRole(executor, compilePrefix(model, data, index, index + 1, B), values);
    expectClose(new Map([...output, ...runByRole(executor, stage.evaluate, values)]), reference);
    expectClose(evaluateEagerly('pipetrain-ort', block), reference);
  });

  it('gives back its input where what closes its residual branch is zero', () => {
    const { closing = [] } = present(model.blocks[index], name);
    if (closing.length === 0) return;
    const roles = closing.map((param) => `param ${index}/${param}`);
    for (const role of roles) expect([...ports.keys()]).toContain(role);
    const zeroed = new Map(
      [...values].map(([role, array]) => [role, roles.includes(role) ? array.map(() => 0) : array] as const),
    );
    const output = runByRole(executor, compilePrefix(model, data, index, index + 1, B), zeroed);
    expect(output.get('activation')).toEqual(values.get('activation'));
  });

  it('has the gradients that differences of its objective show', () => {
    const objective = (role: string, element: number, delta: number): number => {
      const moved = present(values.get(role), role).slice();
      moved[element] = (moved[element] as number) + delta;
      const forward = runByRole(executor, stage.forward, new Map([...values, [role, moved]]));
      const dy = values.get('gradient');
      if (dy === undefined) return present(forward.get('loss'), 'the loss')[0] as number;
      return Array.from(present(forward.get('activation'), 'the activation')).reduce(
        (sum, y, i) => sum + y * (dy[i] as number),
        0,
      );
    };
    const gradients = runTraining(executor, stage, values);
    const inputs = [...ports].filter(([, { role }]) => role.kind === 'param' || role.kind === 'activation');
    for (const [role, { shape }] of inputs) {
      const gradient = present(
        gradients.get(role === 'activation' ? 'gradient' : role.replace('param', 'paramGrad')),
        role,
      );
      const scale = Math.max(...Array.from(gradient, Math.abs));
      for (let i = 0; i < 3; i++) {
        const element = bitsAt(randomKey(12, name, role), i) % sizeOf(shape);
        const slope = (objective(role, element, H) - objective(role, element, -H)) / (2 * H);
        expect(Math.abs((gradient[element] as number) - slope) / scale, `${role}, element ${element}`).toBeLessThan(
          DIFFERENCES,
        );
      }
    }
  });
});
