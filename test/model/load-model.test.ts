import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ModelError, UsageError } from '../../engine/core/errors.js';
import { present } from '../../engine/core/invariant.js';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Block, Model } from '../../engine/model/block.js';
import { defineModel } from '../../engine/model/define.js';
import { buildModel, loadModelDefinition } from '../../engine/model/load-model.js';
import { vit } from '../../engine/model/vit.js';
import * as tf from '../../engine/tensor/tf.js';
import { trace } from '../../engine/tensor/trace.js';
import { errorOf, rejectionOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';

const info: DataInfo = {
  task: 'other',
  fields: [{ name: 'x', shape: [2], dtype: 'float32' }],
  classes: null,
  vocabulary: null,
  sequence: null,
};

/** A model of one block, in TypeScript. `body` stands before it. */
const source = (
  body = '',
  block = "name: 'only', kind: 'other', layer: null, params: { w: { shape: [2], init: { kind: 'ones' }, decay: true " +
    '} }',
): string => `
import { defineModel, ModelError, tf, type Model } from 'pipetrain';
import { z } from 'zod';
${body}
export const model = defineModel({
  name: 'mine',
  summary: 'a test',
  options: z.strictObject({ scale: z.number().default(2) }),
  defaults: {},
  build: ({ scale }): Model => ({
    name: 'mine',
    blocks: [{ ${block}, forward: (_, params, context) => tf.mul(tf.mul(context.field('x'), params['w']!), scale) }],
    loss: (y) => tf.sum(y, 1),
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
  }),
});
`;

const load = (content: string, name = 'model.ts') => loadModelDefinition(join(scratchWith({ [name]: content }), name));

describe('loadModelDefinition', () => {
  it('finds built-in models by name', async () => {
    expect(await loadModelDefinition('vit')).toBe(vit);
  });

  it('suggests the nearest built-in model', async () => {
    const error = await rejectionOf(loadModelDefinition('brt'));
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain('Did you mean "bert"?');
    expect(error.hint).toContain('vit, bert, gpt');
  });

  it('loads TypeScript that shares TensorFlow.js and zod with the engine', async () => {
    const definition = await load(
      source("if (!(new ModelError('a', 'b', 'c') instanceof Error)) throw new Error('no class');"),
    );
    const block = present(buildModel(definition, { scale: 3 }, info).blocks[0], 'block');
    expect(definition.options).toBeInstanceOf(z.ZodObject);
    // Ops of a second TensorFlow.js would not know the tensors of this trace.
    const { graph } = trace(
      'mine',
      [
        { shape: [4, 2], dtype: 'float32' },
        { shape: [2], dtype: 'float32' },
      ],
      ([x, w]) => [
        block.forward(
          null,
          { w: present(w, 'w') },
          { field: () => present(x, 'x'), dropout: (y) => y, isTraining: false },
        ),
      ],
    );
    expect(graph.nodes.map((node) => node.op)).toEqual(['Multiply', 'Multiply']);
    expect(graph.literals.map((literal) => [...literal.data])).toEqual([[3]]);
  });

  it('shares one TensorFlow.js also with files that import it by its own name', async () => {
    const probe = (name: string): string => `import { present } from '../../engine/core/invariant.js';
import { trace } from '../../engine/tensor/trace.js';
import * as tf from '${name}';
export const model = { name: 'm', options: { safeParse() {} }, build: () => tf.tensor };`;
    for (const name of ['@tensorflow/tfjs', '@tensorflow/tfjs-core']) {
      const definition = await load(probe(name));
      expect((definition.build as unknown as () => unknown)()).toBe(tf.tensor);
    }
  });

  it('loads JavaScript, with the files it imports', async () => {
    const path = scratchWith({
      'blocks/part.js': "export const part = 'from part';",
      'model.mjs':
        "import { part } from './blocks/part.js'; import { basename } from 'node:path'; export const model = " +
        '{ name: basename(part), options: { safeParse() {} }, build() { return this.name; } };',
    });
    const definition = await loadModelDefinition(join(path, 'model.mjs'));
    expect(definition.name).toBe('from part');
    expect(definition.defaults).toEqual({});
    expect(definition.build(undefined, info)).toBe('from part');
  });

  const cases: [name: string, content: string, code: string, words: string[]][] = [
    [
      'a syntax error, with its line',
      'const a = 1;\nconst b = ;\n',
      'PT_MODEL_SYNTAX',
      ['model.ts:2:11', 'Unexpected'],
    ],
    [
      'an import that does not exist',
      "import './nothing.js';\n",
      'PT_MODEL_SYNTAX',
      ['nothing.js', 'Could not resolve'],
    ],
    [
      'a file that throws',
      "throw new TypeError('no luck');",
      'PT_MODEL_LOAD',
      ['throws while loading', 'TypeError: no luck'],
    ],
    [
      'a file without the export',
      'export const models = 1; export default 2;',
      'PT_MODEL_EXPORT',
      ['exports no `model`', 'models'],
    ],
    ['an empty file', '', 'PT_MODEL_EXPORT', ['it exports nothing']],
    [
      'an export that is no definition',
      "export const model = { name: 'x' };",
      'PT_MODEL_EXPORT',
      ['lacks options (a zod schema), build'],
    ],
    ['an export that is nothing', 'export const model = null;', 'PT_MODEL_EXPORT', ['lacks name']],
  ];
  it.each(cases)('refuses %s', async (_, content, code, words) => {
    const error = await rejectionOf(load(content));
    expect(error).toBeInstanceOf(ModelError);
    expect(error.code).toBe(code);
    for (const word of words) expect(error.message).toContain(word);
  });

  it('refuses a file that is not there', async () => {
    const error = await rejectionOf(loadModelDefinition('./no/such/model.ts'));
    expect(error.code).toBe('PT_MODEL_MISSING');
    expect(error.message).toBe(`no such model file: ./no/such/model.ts, which would be ${resolve('no/such/model.ts')}`);
    expect(error.hint).toContain('--model FILE');
  });

  it('lets errors for people through as they are', async () => {
    const error = await rejectionOf(
      load("import { ModelError } from 'pipetrain'; throw new ModelError('MY_CODE', 'mine', 'hint');"),
    );
    expect(error.code).toBe('MY_CODE');
  });
});

describe('buildModel', () => {
  const block = (change: Partial<Block> = {}): Block => ({
    name: 'a',
    kind: 'other',
    layer: null,
    params: {},
    forward: (x) => x as never,
    ...change,
  });
  const withBlocks =
    (blocks: readonly Block[], change: Partial<Model> = {}) =>
    () =>
      buildModel(
        defineModel({
          name: 'mine',
          summary: '',
          options: z.strictObject({}),
          defaults: {},
          build: () => ({
            name: 'mine',
            blocks,
            loss: (y) => y,
            score: null,
            metric: { name: 'loss', higherIsBetter: false },
            ...change,
          }),
        }),
        {},
        info,
      );
  const param = (change: object): Partial<Block> => ({
    params: { w: { shape: [2], init: { kind: 'zeros' }, decay: true, ...change } },
  });

  it('accepts a sound model', () => {
    expect(withBlocks([block(), block({ name: 'b.1-2_3', ...param({}) })])().blocks).toHaveLength(2);
  });

  const cases: [name: string, make: () => unknown, words: string[]][] = [
    ['no blocks', withBlocks([]), ['0 blocks', 'at least 1']],
    ['two blocks of one name', withBlocks([block(), block({ name: 'b' }), block()]), ['blocks 0 and 2', '"a"']],
    ['a name that is not allowed', withBlocks([block({ name: 'a b' })]), ['block 0', '"a b"']],
    ['a shape with a zero', withBlocks([block(param({ shape: [2, 0] }))]), ['"w" of block "a"', '[2,0]']],
    ['a shape with a fraction', withBlocks([block(param({ shape: [1.5] }))]), ['[1.5]']],
    ['an unknown start', withBlocks([block(param({ init: { kind: 'xavier' } }))]), ['xavier']],
    ['a start without scale', withBlocks([block(param({ init: { kind: 'normal' } }))]), ['normal']],
    ['a negative layer', withBlocks([block({ layer: -1 })]), ['layer -1']],
    ['a missing forward', withBlocks([block({ forward: undefined as never })]), ['no function forward']],
    ['a missing loss', withBlocks([block()], { loss: undefined as never }), ['no function loss']],
    ['a missing metric', withBlocks([block()], { metric: undefined as never }), ['no metric']],
  ];
  it.each(cases)('refuses %s', (_, make, words) => {
    const error = errorOf(make);
    expect(error.code).toBe('PT_MODEL_BLOCKS');
    expect(error.hint).not.toBe('');
    for (const word of ['mine', ...words]) expect(error.message).toContain(word);
  });

  it('names a model that throws, and keeps the cause', () => {
    const cause = new RangeError('too wide');
    const definition = defineModel({
      name: 'mine',
      summary: '',
      options: z.strictObject({}),
      defaults: {},
      build: () => {
        throw cause;
      },
    });
    const error = errorOf(() => buildModel(definition, {}, info));
    expect(error.code).toBe('PT_MODEL_THREW');
    expect(error.message).toContain('RangeError: too wide');
    expect(error.cause).toBe(cause);
  });

  it('explains options that do not fit, for models of files as well', async () => {
    const definition = await load(source());
    const error = errorOf(() => buildModel(definition, { scal: 1, scale: 'big' }, info));
    expect(error.code).toBe('PT_MODEL_OPTIONS');
    expect(error.message).toContain('Did you mean "scale"?');
    expect(error.message).toContain('(given: "big")');
  });
});
