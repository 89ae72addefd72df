// `hf:DIR` of each family beside BERT: the logits are those of `transformers`, and the gradients those of PyTorch;
// scripts/golden/make_hf_families_golden.py wrote them and the small models.
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { foreignTensors } from '../../engine/checkpoint/foreign-tensors.js';
import { type NamedTensor, readSafetensors } from '../../engine/checkpoint/safetensors.js';
import { present } from '../../engine/core/invariant.js';
import type { DataInfo, Task } from '../../engine/data/dataset.js';
import { type Block, type Model, parameterName } from '../../engine/model/block.js';
import { buildModel } from '../../engine/model/build-model.js';
import { compileStage } from '../../engine/model/compile.js';
import { pretrainedModel } from '../../engine/model/hf/families.js';
import { readWeightFiles } from '../../engine/model/hf/weight-files.js';
import { entryView, initializeSlab, slabLayout } from '../../engine/model/slab.js';
import type { OnnxExecutor } from '../../engine/tensor/onnx-executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { type HostArray, sizeOf } from '../../engine/tensor/shape.js';
import * as tf from '../../engine/tensor/tf.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { largestDifference } from './hf-folder.js';
import { runModel } from './run-model.js';
import { runTraining } from './stage-run.js';

const GOLDEN = fileURLToPath(new URL('../golden/hf', import.meta.url));
const VOCABULARY = 40;

/** As the maker writes it. */
interface Expected {
  /** Where it is not told by the fields. */
  readonly task?: Task;
  readonly fields: Readonly<Record<string, readonly number[]>>;
  /** Of the logits; the first axis is that of the samples. */
  readonly shape: readonly number[];
  readonly logits: readonly number[];
  /** Of each parameter: length, and product with a wave. */
  readonly gradients: Readonly<Record<string, readonly [number, number]>>;
  /** Of a model whose output matrix is its table of tokens; `gradients` are those of the two apart. */
  readonly tiedGradients?: Expected['gradients'];
}

const pathOf = (name: string): string => join(GOLDEN, name);
const readExpected = (name: string): Expected =>
  JSON.parse(readFileSync(join(pathOf(name), 'expected.json'), 'utf8')) as Expected;

/** As in the maker of the golden files. */
const wave = (i: number): number => ((i * 37) % 101) / 101 - 0.5;

const shapeOf = (name: string, data: readonly number[], samples: number): number[] => {
  const size = data.length / samples;
  return name === 'image' ? [Math.sqrt(size), Math.sqrt(size)] : [size];
};

/** Data with the fields of the file, and what they are to be compared with. */
function infoOf({ fields, shape, task }: Expected): DataInfo {
  const [samples = 0] = shape;
  const isImage = 'image' in fields;
  const isLanguage = !isImage && !('mask' in fields);
  const listed = Object.entries(fields).map(([name, data]) => ({
    name,
    shape: shapeOf(name, data, samples),
    dtype: name === 'tokens' ? ('int32' as const) : ('float32' as const),
  }));
  const sequence = isImage ? null : (listed[0]?.shape[0] ?? 0);
  return {
    task: task ?? (isImage ? 'image-classification' : isLanguage ? 'language-model' : 'text-classification'),
    fields: [
      ...listed,
      { name: 'label', shape: [], dtype: 'int32' },
      ...['tags', 'targets'].map((name) => ({ name, shape: [sequence ?? 0], dtype: 'int32' as const })),
      { name: 'context', shape: [sequence ?? 0], dtype: 'float32' },
    ],
    classes: isLanguage ? null : (shape.at(-1) ?? 0),
    vocabulary: isImage ? null : VOCABULARY,
    sequence,
  };
}

const arrayOf = (name: string, data: readonly number[]): HostArray =>
  name === 'tokens' ? Int32Array.from(data) : Float32Array.from(data);

let executor: OnnxExecutor;
beforeAll(() => {
  executor = openExecutor({ threads: 1 });
});
afterAll(() => executor.close());

interface Case {
  readonly expected: Expected;
  readonly data: DataInfo;
  readonly model: Model;
  readonly samples: number;
}

function open(name: string, options: Record<string, unknown>): Case {
  const expected = readExpected(name);
  const data = infoOf(expected);
  const model = buildModel(pretrainedModel(pathOf(name)), options, data);
  return { expected, data, model, samples: present(expected.shape[0], 'samples') };
}

function logitsOf({ expected, model, samples }: Case): Float32Array {
  const fields = Object.entries(expected.fields).map(([name, data]) => {
    return [name, { shape: [samples, ...shapeOf(name, data, samples)], data: arrayOf(name, data) }] as const;
  });
  const { outcome: _outcome, ...rest } = model;
  const part: Model = { ...rest, loss: (y) => tf.sum(tf.reshape(y, [samples, -1]), 1), score: null };
  return runModel(executor, part, Object.fromEntries(fields)).y;
}

/** Follows on the last block, so that this one has a gradient to start from. */
const BEHIND: Block = {
  name: 'behind',
  kind: 'other',
  layer: null,
  params: {},
  forward: (x) => tf.mul(x as tf.Tensor, 1),
};

interface Gradient {
  readonly name: string;
  readonly shape: readonly number[];
  readonly numbers: Float64Array;
  /** Place of a number in the tensor of the file. */
  readonly place: (i: number) => number;
}

/** Gradients of all parameters, by the names that the file has for them. */
function gradientsOf(name: string, { expected, data, model, samples }: Case): Gradient[] {
  const stage = compileStage({
    model: { ...model, blocks: [...model.blocks, BEHIND] },
    data,
    from: 0,
    to: model.blocks.length,
    microBatch: samples,
    needsInputGradient: false,
  });
  const params = model.blocks.flatMap((block, i) => {
    const layout = slabLayout(block);
    const slab = new Float32Array(layout.length);
    initializeSlab(block, layout, 1, slab);
    return layout.entries.map((entry) => ({
      role: `param ${i}/${entry.name}`,
      data: entryView(slab, entry),
      shape: entry.shape,
      init: present(block.params[entry.name], entry.name).init,
      isOutput: block.kind === 'head' && entry.name === 'w' && entry.sharedWith === undefined,
    }));
  });
  const computed = runTraining(
    executor,
    stage,
    new Map<string, HostArray>([
      ...params.map((param) => [param.role, param.data] as const),
      ...Object.entries(expected.fields).map(
        ([field, numbers]) => [`field ${field}`, arrayOf(field, numbers)] as const,
      ),
      ['gradient', Float32Array.from({ length: sizeOf(expected.shape) }, (_, i) => wave(i))],
    ]),
  );
  const stored = [...readWeightFiles(pathOf(name)).values()];
  return params.map(({ role, shape, init, isOutput }) => {
    if (init.kind !== 'file') throw new Error(`${role} is not from the folder`);
    const { offset, isTransposed } = init.range;
    const tensor = present(
      stored.find((one) => one.offset <= offset && offset < one.offset + one.bytes),
      role,
    );
    const first = (offset - tensor.offset) / 4;
    const [inputs = 0, outputs = 0] = shape;
    return {
      // Where the output matrix is tied to the table, the maker untied it.
      name: isOutput && /wte|embed_tokens|word_embeddings/.test(tensor.name) ? 'lm_head.weight' : tensor.name,
      shape,
      numbers: Float64Array.from(present(computed.get(role.replace('param', 'paramGrad')), role)),
      place: (i) => first + (isTransposed ? (i % outputs) * inputs + Math.floor(i / outputs) : i),
    };
  });
}

const CASES: readonly (readonly [string, Record<string, unknown>])[] = [
  ['roberta', {}],
  ['distilbert', {}],
  ['gpt2', {}],
  ['gpt2', { untie: true }],
  ['bert-tags', {}],
  ['distilbert-spans', {}],
  ['roberta-masked', {}],
  ['gpt2-texts', {}],
  ['vit', {}],
  ['vit-grey', {}],
  ['deit', {}],
  ['deit-teacher', {}],
  ['llama', {}],
  ['llama3', {}],
  ['mistral', {}],
  ['qwen2', {}],
  ['qwen2', { untie: true }],
];

/** The gradients of one parameter that several blocks have a part in, added up. */
function summed(parts: readonly Gradient[]): Gradient[] {
  const sums = new Map<string, Gradient>();
  for (const part of parts) {
    const sum = sums.get(part.name);
    const numbers = sum === undefined ? part.numbers : sum.numbers.map((x, i) => x + (part.numbers[i] ?? NaN));
    sums.set(part.name, { ...part, numbers });
  }
  return [...sums.values()];
}

describe.each(CASES)('the folder %s with %j', (name, options) => {
  it('gives the logits of transformers, its own head included', () => {
    const opened = open(name, { ...options, dropout: 0 });
    // What people may rely on is 1e-4; the largest seen is 2e-6 with logits up to 5, and ten times that is allowed,
    // since another processor adds in another order.
    expect(largestDifference(logitsOf(opened), opened.expected.logits)).toBeLessThan(2e-5);
    expect(Math.max(...opened.expected.logits.map(Math.abs))).toBeGreaterThan(0.5);
  });

  it('trains: the gradients of all its parameters are those of PyTorch', () => {
    const opened = open(name, { ...options, dropout: 0 });
    const { gradients: apart, tiedGradients: tied = apart } = opened.expected;
    const gradients = 'untie' in options ? apart : tied;
    const compared = summed(gradientsOf(name, opened)).map((gradient) => {
      const product = gradient.numbers.reduce((sum, g, i) => sum + g * wave(gradient.place(i)), 0);
      const [norm, wanted] = present(gradients[gradient.name], gradient.name);
      // A thousandth of the size at most; the biases of keys have no gradient at all but rounding of what cancels.
      const allowed = 1e-4 * norm + 1e-5;
      expect(Math.abs(Math.hypot(...gradient.numbers) - norm), `length of ${gradient.name}`).toBeLessThan(allowed);
      expect(Math.abs(product - wanted), `product of ${gradient.name}`).toBeLessThan(allowed);
      return gradient.name;
    });
    expect(compared.sort()).toEqual(Object.keys(gradients).sort());
    expect(Math.max(...Object.values(gradients).map(([norm]) => norm))).toBeGreaterThan(1);
  });
});

/** The parameters that a model starts with, as a checkpoint has them. */
function startOf({ blocks }: Model): Map<string, NamedTensor> {
  const weights = new Map<string, NamedTensor>();
  for (const [index, block] of blocks.entries()) {
    const layout = slabLayout(block);
    const slab = new Float32Array(layout.length);
    initializeSlab(block, layout, 1, slab);
    for (const entry of layout.entries) {
      const name = parameterName(index, block, entry.name);
      weights.set(name, { name, shape: present(block.params[entry.name], name).shape, data: entryView(slab, entry) });
    }
  }
  return weights;
}

const WRITTEN = CASES.filter(([name]) => !/tags|spans|masked|texts/.test(name));

test.each(WRITTEN)('the folder %s with %j, untrained, is written back as it was read', (name, options) => {
  const { model } = open(name, options);
  const stored = readSafetensors(join(pathOf(name), 'model.safetensors'));
  const written = foreignTensors(model, startOf(model));
  expect(new Set(written.map((tensor) => tensor.name)).size).toBe(written.length);
  const config = JSON.parse(readFileSync(join(pathOf(name), 'config.json'), 'utf8')) as { architectures: string[] };
  const form = present(model.foreign, 'a form');
  if ('lacks' in form) throw new Error(form.lacks);
  expect(form.config['architectures']).toEqual(config.architectures);
  for (const tensor of written) {
    const there = stored.get(tensor.name);
    // What was tied has no matrix of its own in the folder.
    if (there === undefined && 'untie' in options && tensor.name === 'lm_head.weight') continue;
    const { data, shape } = present(there, `${tensor.name} in the folder`);
    const numbers = tensor.numbers();
    // Of positions there are as many as tokens in a sample; those in front that no sample has are zero.
    const [rows = 0] = tensor.shape;
    expect(tensor.shape.slice(1)).toEqual(shape.slice(1));
    expect(rows).toBeLessThanOrEqual(shape[0] ?? 0);
    const first = numbers.findIndex((x) => x !== 0);
    expect(numbers.slice(first), tensor.name).toEqual(data.slice(first, numbers.length));
    expect(first % (numbers.length / rows), tensor.name).toBe(0);
  }
});

/** A folder with another config.json and the weights of this one. */
function withConfig(name: string, change: Record<string, unknown>): string {
  const config = JSON.parse(readFileSync(join(pathOf(name), 'config.json'), 'utf8')) as Record<string, unknown>;
  const path = scratchWith({ 'config.json': JSON.stringify({ ...config, ...change }) });
  copyFileSync(join(pathOf(name), 'model.safetensors'), join(path, 'model.safetensors'));
  return path;
}

const build = (name: string, options: Record<string, unknown> = {}, change: Record<string, unknown> = {}) => {
  const data = infoOf(readExpected(name));
  return buildModel(pretrainedModel(withConfig(name, change)), options, data);
};

describe('settings that would change what is computed', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['gpt2', { scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx is true; only false'],
    ['gpt2', { embd_pdrop: 0.2 }, 'resid_pdrop 0.1 and embd_pdrop 0.2'],
    ['gpt2', { n_head: 3 }, 'n_embd 16 is not a multiple of n_head 3'],
    ['roberta', { position_embedding_type: 'relative_key' }, 'only "absolute" is supported'],
    ['roberta', { pad_token_id: 11 }, 'max_position_embeddings 12 leaves no position behind pad_token_id 11'],
    ['vit', { patch_size: 3 }, 'image_size 8 is not a multiple of patch_size 3'],
    ['llama', { rope_parameters: { rope_type: 'yarn' } }, 'rope_parameters.rope_type is "yarn"; supported are default'],
    ['llama', { rope_parameters: null, rope_scaling: { type: 'dynamic' } }, 'rope_scaling.rope_type is "dynamic"'],
    ['llama', { rope_parameters: { rope_type: 'linear' } }, 'rope_parameters.factor is null; a number above 0'],
    ['llama', { rope_parameters: { mscale: 2 } }, 'rope_parameters.mscale is 2, which is not known of default'],
    ['llama', { rope_scaling: { rope_type: 'linear', factor: 4 } }, 'rope_parameters and rope_scaling are both there'],
    ['llama', { rope_parameters: { rope_theta: 'abc' } }, 'rope_parameters.rope_theta is "abc"; a number above 0'],
    ['llama', { tie_word_embeddings: true }, 'have an output matrix of their own (lm_head.weight)'],
    ['llama', { partial_rotary_factor: 0.5 }, 'partial_rotary_factor is 0.5; only 1 is supported'],
    ['llama', { num_key_value_heads: 3 }, 'num_attention_heads 2 is not a multiple of num_key_value_heads 3'],
  ])('are refused by name: %s with %j', (name, change, text) => {
    const error = errorOf(() => build(name, { untie: true }, change));
    expect([error.code, error.message]).toEqual(['PT_HF_CONFIG', expect.stringContaining(text)]);
  });

  it('are told where they are not known, and left alone where they decide nothing', () => {
    expect(build('llama').doubts).toEqual([]);
    const [doubt] = build('llama', {}, { logit_scale: 0.1, unheard_of: false }).doubts ?? [];
    expect(doubt).toContain('not known here and were passed over: logit_scale 0.1; check');
  });

  it('of biases need the tensors that they name', () => {
    expect(errorOf(() => build('llama', {}, { attention_bias: true })).message).toContain('self_attn.q_proj.bias');
    expect(errorOf(() => build('mistral', {}, { head_dim: 4 })).message).toContain('is [16, 16], [8, 16] is needed');
  });

  it.each([
    ['llama', { num_hidden_layers: 1 }, {}, '9 tensors of layers'],
    ['gpt2', { n_layer: 1 }, { untie: true }, '12 tensors of layers'],
    ['roberta', { num_hidden_layers: 1 }, {}, '16 tensors of layers'],
    ['vit', { num_hidden_layers: 1 }, {}, '16 tensors of layers'],
  ])('of fewer layers than there are tensors for are doubted: %s with %j', (name, change, options, text) => {
    expect(build(name, options, change).doubts?.at(-1)).toContain(text);
    // Fewer layers that the user asks for are no mistake.
    expect(build(name, { ...options, layers: 1 }).doubts).toEqual(build(name, options).doubts);
  });

  it('of a window are refused where a sample is longer', () => {
    const error = errorOf(() => build('mistral', {}, { sliding_window: 6 }));
    expect([error.code, error.message]).toEqual([
      'PT_MODEL_DATA',
      expect.stringContaining('is for 6 tokens at most (sliding_window), a sample has 7'),
    ]);
    // Qwen2 has a window in its file that it does not use.
    expect(build('qwen2', { untie: true }, { sliding_window: 6 }).blocks).toHaveLength(6);
    const used = errorOf(() => build('qwen2', { untie: true }, { sliding_window: 6, use_sliding_window: true }));
    expect(used.message).toContain('(sliding_window)');
  });
});

describe('what is decided about a model', () => {
  it('is said of a matrix that is both table of tokens and output', () => {
    expect(build('gpt2').notes).toEqual([
      'one matrix is both the table of tokens and the output (tie_word_embeddings), and is trained as one',
    ]);
    expect(build('gpt2', { untie: true }).notes).toEqual([
      'the output matrix starts as the table of tokens and is trained apart from it (untie=true)',
    ]);
    expect(build('llama').notes).toEqual(['the output matrix is that of the folder (lm_head.weight)']);
  });

  it('is said: whose head it is, and why', () => {
    const noteOf = (options: Record<string, unknown>, change: Record<string, unknown> = {}) =>
      build('distilbert', options, change).notes?.[0];
    expect(noteOf({})).toContain(
      'the head is that of the folder, for 3 classes, which it calls LABEL_0, LABEL_1, LABEL_2',
    );
    expect(noteOf({ head: 'fresh' })).toBe('the head starts fresh: head=fresh asks for it');
    expect(noteOf({ pooling: 'mean' })).toBe('the head starts fresh: pooling=mean asks for it');
    expect(noteOf({}, { problem_type: 'regression' })).toContain('is for regression');
    const data = { ...infoOf(readExpected('vit')), classes: 10 };
    const model = buildModel(pretrainedModel(pathOf('vit')), {}, data);
    expect(model.notes?.[0]).toContain('the classifier of the folder has 3 classes, the data have 10');
    expect(model.notes?.[1]).toContain('stands for each of its 3');
    expect(model.blocks.at(-1)?.params['w0']?.init.kind).toBe('normal');
    const asked = errorOf(() => buildModel(pretrainedModel(pathOf('vit')), { head: 'folder' }, data));
    expect([asked.code, asked.message]).toEqual(['PT_MODEL_OPTIONS', expect.stringContaining('3 classes')]);
  });

  it('needs images of the size that it was trained with', () => {
    const info = infoOf(readExpected('vit'));
    const fields = info.fields.map((field) => (field.name === 'image' ? { ...field, shape: [28, 28] } : field));
    expect(errorOf(() => buildModel(pretrainedModel(pathOf('vit')), {}, { ...info, fields })).message).toBe(
      'the model hf:vit is for images of 8 x 8 pixels (image_size), the data have 28 x 28',
    );
  });
});
