// An error about a model that somebody wrote names the block, and the file and the line that they wrote it in.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DataInfo } from '../../engine/data/dataset.js';
import { buildModel, loadModelDefinition } from '../../engine/model/load-model.js';
import { checkTraces } from '../../engine/model/trace-check.js';
import { rejectionOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';

import '#tfjs-cpu';

const info: DataInfo = {
  task: 'other',
  fields: [{ name: 'x', shape: [2], dtype: 'float32' }],
  classes: null,
  vocabulary: null,
  sequence: null,
};

/** A model with types, which are gone when it runs; its lines are counted: the fault is on line 13, the loss on 17. */
const source = (fault: string, loss = 'tf.sum(y, 1)'): string => `// line 1
import { defineBlock, defineInputBlock, defineModel, nn, tf, type Model } from 'pipetrain';
import { z } from 'zod';
import { twice } from './twice.js';
interface Unused {
  readonly nothing: string;
}
const build = (): Model => ({
  name: 'mine',
  blocks: [
    defineInputBlock({ name: 'in', kind: 'other', params: {}, forward: (_, context) => context.field('x') }),
    defineBlock({ name: 'middle', kind: 'mlp', params: { w: { shape: [2, 3], init: { kind: 'ones' }, decay: true } },
      forward: (x, { w }: { w: tf.Tensor2D }) => { const y: tf.Tensor = tf.matMul(x, w); return ${fault}; },
    }),
    defineBlock({ name: 'last', kind: 'head', params: {}, forward: (x) => tf.mul(x, 2) }),
  ],
  loss: (y, context) => ${loss},
  score: null,
  metric: { name: 'loss', higherIsBetter: false },
});
export const model = defineModel({ name: 'mine', summary: '', options: z.strictObject({}), defaults: {}, build });
`;

const TWICE = `import { tf } from 'pipetrain';
export function twice(x: tf.Tensor): tf.Tensor {
  return tf.add(x, tf.ones([7, 5]));
}
`;

/** What a model says of itself before anything is started. */
async function complaint(content: string, name = 'mine.ts'): Promise<{ message: string; code: string; hint: string }> {
  const folder = scratchWith({ [name]: content, 'twice.ts': TWICE });
  const error = await rejectionOf(
    (async () => {
      const definition = await loadModelDefinition(join(folder, name));
      checkTraces(buildModel(definition, {}, info), info, 4);
    })(),
  );
  return { message: error.message.replaceAll(folder, ''), code: error.code, hint: error.hint };
}

describe('a fault of a model file is told with its place', () => {
  it.each([
    [
      'shapes that do not fit',
      'tf.matMul(y, w)',
      'PT_MODEL_THREW',
      /^Model mine, block middle at \/mine.ts:13:\d+ threw: .*inner sizes 3 and 2 differ/,
    ],
    [
      'an error of its own',
      "(() => { throw new Error('mine') })()",
      'PT_MODEL_THREW',
      /middle at \/mine.ts:13:\d+ threw: mine$/,
    ],
    ['a value that is no tensor', '(y as any).nothing.at(0)', 'PT_MODEL_THREW', /middle at \/mine.ts:13:\d+ threw: /],
    [
      'an op that does not exist',
      'tf.unique(y).values',
      'PT_OP_UNDEFINED',
      /middle at \/mine.ts:13:\d+ uses the op Unique/,
    ],
    [
      'numbers that are read',
      'tf.scalar(y.dataSync()[0])',
      'PT_DATA_IN_TRACE',
      /middle at \/mine.ts:13:\d+ reads the numbers/,
    ],
    ['an element type', "tf.mul(y, tf.tensor(['a']))", 'PT_DTYPE', /middle at \/mine.ts:13:\d+ /],
    [
      'an op without a gradient',
      "tf.engine().runKernel('EluGrad', { dy: y, y })",
      'PT_GRADIENT_UNDEFINED',
      /middle at \/mine.ts:13:\d+ uses the op EluGrad/,
    ],
    ['a result without samples', 'tf.sum(y)', 'PT_BLOCK_OUTPUT', /middle at \/mine.ts:13:\d+ returns the shape \[\]/],
    ['a result of integers', "tf.cast(y, 'int32')", 'PT_BLOCK_OUTPUT', /middle at \/mine.ts:13:\d+ returns int32/],
    ['a fault in a file that it imports', 'twice(y)', 'PT_MODEL_THREW', /middle at \/twice.ts:3:\d+ threw: /],
  ])('%s', async (_, fault, code, message) => {
    const error = await complaint(source(fault));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
    expect(error.hint).not.toBe('');
  });

  it('in the loss', async () => {
    const { message } = await complaint(source('y', "tf.sum(context.field('image'), 1)"));
    expect(message).toMatch(/^Model mine, loss at \/mine.ts:17:\d+ reads the field "image", the data has "x"$/);
  });

  it('while it is built', async () => {
    const { message, code } = await complaint(
      source('y')
        .replace('({\n  name', "{ throw new Error('no');\n return ({ name")
        .replace('\n});\nexport', '\n});};\nexport'),
    );
    expect(code).toBe('PT_MODEL_THREW');
    expect(message).toMatch(/^model mine: build\(\) at \/mine.ts:8:\d+ threw: Error: no$/);
  });

  it('while it is loaded, in plain JavaScript', async () => {
    const { message, code } = await complaint('// one\n// two\nexport const model = nothing.at.all;\n', 'mine.mjs');
    expect(code).toBe('PT_MODEL_LOAD');
    expect(message).toMatch(/^\/mine.mjs:3:\d+ throws while loading: ReferenceError/);
  });

  it('and a model without one says nothing', async () => {
    const folder = scratchWith({ 'mine.ts': source('y'), 'twice.ts': TWICE });
    const built = buildModel(await loadModelDefinition(join(folder, 'mine.ts')), {}, info);
    expect(() => checkTraces(built, info, 4)).not.toThrow();
  });
});
