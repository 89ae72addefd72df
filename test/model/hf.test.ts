// `hf:DIR`: a pretrained encoder gives the hidden states that `transformers` gives; scripts/golden/make_hf_golden.py
// wrote them and the small model.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../engine/core/invariant.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { compileStage } from '../../engine/model/compile.js';
import { pretrainedModel } from '../../engine/model/hf/families.js';
import { spareRows } from '../../engine/model/hf/folder-tokens.js';
import { readWeightFiles } from '../../engine/model/hf/weight-files.js';
import { buildModel, loadModelDefinition } from '../../engine/model/load-model.js';
import { entryView, initializeSlab, slabLayout } from '../../engine/model/slab.js';
import type { OnnxExecutor } from '../../engine/tensor/onnx-executor.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import type { HostArray } from '../../engine/tensor/shape.js';
import { fieldOf } from '../data/field-of.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { copyOf, largestDifference, outputs, readExpected, textInfo, TINY } from './hf-folder.js';
import { runTraining } from './stage-run.js';

// What people may rely on is 1e-4. The largest seen is 1.7e-6: numbers up to 4, each op rounding them by up to 6e-8 of
// their size, some twenty ops in a row. Ten times that is allowed, since another processor adds in another order.
const SEEN = 2e-5;

const expected = readExpected(join(TINY, 'expected.json'));
const V = 64;
const T = expected.sequence;
const build = (path = TINY, options: Record<string, unknown> = {}, hasTypes = false) =>
  buildModel(pretrainedModel(path), options, textInfo(T, V, hasTypes));
const [oneText, twoTexts] = [present(expected.cases[0], 'case'), present(expected.cases[1], 'case')];

/** As in the maker of the golden files. */
const wave = (i: number): number => ((i * 37) % 101) / 101 - 0.5;

/** The small model with another config.json. */
function withConfig(change: Record<string, unknown>): string {
  const config = JSON.parse(readFileSync(join(TINY, 'config.json'), 'utf8')) as Record<string, unknown>;
  const path = scratchWith({ 'config.json': JSON.stringify({ ...config, ...change }) });
  copyFileSync(join(TINY, 'model.safetensors'), join(path, 'model.safetensors'));
  return path;
}

let executor: OnnxExecutor;
beforeAll(() => {
  executor = openExecutor({ threads: 1 });
});
afterAll(() => executor.close());

/** Differences behind the embedding and behind each layer. */
function hiddenDifferences(path: string, isPair: boolean): number[] {
  const model = build(path, {}, isPair);
  const wanted = isPair ? twoTexts : oneText;
  const behind = outputs(executor, model, expected, wanted.types);
  expect(model.blocks.map((block) => block.name)).toEqual([
    'embed',
    'layer0.attention',
    'layer0.mlp',
    'layer1.attention',
    'layer1.mlp',
    'head',
  ]);
  return wanted.hidden.map((hidden, i) => largestDifference(present(behind[2 * i], `block ${2 * i}`), hidden));
}

describe('hidden states are those of transformers', () => {
  it('from model.safetensors, where all tokens belong to one text', () => {
    expect(Math.max(...hiddenDifferences(TINY, false))).toBeLessThan(SEEN);
  });

  it('with token types of two texts, where the data have them', () => {
    expect(Math.max(...hiddenDifferences(TINY, true))).toBeLessThan(SEEN);
    // The types change the result, or the case would show nothing.
    expect(largestDifference(twoTexts.hidden[2] as number[], oneText.hidden[2] as number[])).toBeGreaterThan(0.1);
  });

  it('from pytorch_model.bin of a classifier, whose encoder has a prefix', () => {
    expect(
      Math.max(...hiddenDifferences(copyOf(['config.json', 'vocab.txt', 'pytorch_model.bin']), false)),
    ).toBeLessThan(SEEN);
  });

  it.each(['gelu_new', 'gelu_pytorch_tanh', 'relu'])('with the activation %s', (activation) => {
    const { last } = JSON.parse(readFileSync(join(TINY, 'activations.json'), 'utf8')) as {
      last: Record<string, number[]>;
    };
    const wanted = present(last[activation === 'relu' ? 'relu' : 'gelu_new'], activation);
    const behind = outputs(executor, build(withConfig({ hidden_act: activation })), expected, oneText.types);
    expect(largestDifference(present(behind[4], 'the last layer'), wanted)).toBeLessThan(SEEN);
    // Far from the exact gelu, or the case would show nothing.
    expect(largestDifference(wanted, oneText.hidden[2] as number[])).toBeGreaterThan(10 * SEEN);
  });

  it('where normalisations have the names of the first release', () => {
    const path = copyOf(['config.json', 'vocab.txt', 'model.safetensors']);
    const file = join(path, 'model.safetensors');
    // Of equal length, so that nothing else moves.
    const renamed = readFileSync(file, 'latin1')
      .replaceAll('LayerNorm.weight"', 'LayerNorm.gamma" ')
      .replaceAll('LayerNorm.bias"', 'LayerNorm.beta"');
    writeFileSync(file, renamed, 'latin1');
    expect(Math.max(...hiddenDifferences(path, false))).toBeLessThan(SEEN);
  });

  it('ends with a fresh head on the mean, the class token or the pooler', () => {
    const C = 3;
    for (const pooling of ['mean', 'cls', 'pooler'] as const) {
      const model = build(TINY, { pooling });
      const logits = present(outputs(executor, model, expected, oneText.types).at(-1), 'logits');
      const head = present(model.blocks.at(-1), 'head');
      const layout = slabLayout(head);
      const slab = new Float32Array(layout.length);
      initializeSlab(head, layout, 1, slab);
      const w = entryView(
        slab,
        present(
          layout.entries.find(({ name }) => name === 'w'),
          'w',
        ),
      );
      const D = w.length / C;
      const pooled = oneText[pooling];
      const wanted = Array.from({ length: logits.length }, (_, i) => {
        const [row, c] = [Math.floor(i / C), i % C];
        return Array.from({ length: D }, (_, d) => (pooled[row * D + d] as number) * (w[d * C + c] as number)).reduce(
          (sum, x) => sum + x,
          0,
        );
      });
      expect(largestDifference(logits, wanted), pooling).toBeLessThan(SEEN);
      expect(Math.max(...wanted.map(Math.abs)), pooling).toBeGreaterThan(100 * SEEN);
    }
  });
});

describe('a pretrained encoder as a model', () => {
  it('is found by name and says what it wants of the data', async () => {
    const definition = await loadModelDefinition(`hf:${TINY}`);
    expect(definition.name).toBe('hf:tiny');
    expect(definition.defaults).toMatchObject({ batch: 32, microBatch: 8, optimizer: 'adamw' });
    expect(definition.dataDefaults).toEqual({ vocab: join(TINY, 'vocab.txt') });
  });

  it('trains: the gradients of all its parameters are those of PyTorch', () => {
    const { gradients } = JSON.parse(readFileSync(join(TINY, 'gradients.json'), 'utf8')) as {
      gradients: Record<string, [number, number]>;
    };
    const model = build(TINY, { dropout: 0 });
    const last = model.blocks.length - 1;
    const stage = compileStage({
      model,
      data: textInfo(T, V),
      from: 0,
      to: last,
      microBatch: expected.texts.length,
      needsInputGradient: false,
    });
    const params = model.blocks.slice(0, last).flatMap((block, i) => {
      const layout = slabLayout(block);
      const slab = new Float32Array(layout.length);
      initializeSlab(block, layout, 1, slab);
      return layout.entries.map((entry) => ({
        role: `param ${i}/${entry.name}`,
        data: entryView(slab, entry),
        shape: entry.shape,
        init: block.params[entry.name]?.init,
      }));
    });
    const dy = Float32Array.from(
      { length: expected.tokens.length * 32 },
      (_, i) => wave(i) * (expected.mask[Math.floor(i / 32)] ?? 0),
    );
    const values = new Map<string, HostArray>([
      ...params.map(({ role, data }) => [role, data] as const),
      ['field tokens', Int32Array.from(expected.tokens)],
      ['field mask', Float32Array.from(expected.mask)],
      ['gradient', dy],
    ]);
    const computed = runTraining(executor, stage, values);
    const nameAt = new Map([...readWeightFiles(TINY).values()].map(({ name, offset }) => [offset, name]));
    const compared = params.map(({ role, shape, init }) => {
      const range = present(init?.kind === 'file' ? init.range : null, role);
      const name = present(nameAt.get(range.offset), role);
      const gradient = Float64Array.from(present(computed.get(role.replace('param', 'paramGrad')), role));
      const [inputs = 0, outputs = 0] = shape;
      // Place of a number in the file, where linear layers lie transposed.
      const place = (i: number): number => (range.isTransposed ? (i % outputs) * inputs + Math.floor(i / outputs) : i);
      const product = gradient.reduce((sum, g, i) => sum + g * wave(place(i)), 0);
      const [norm, wanted] = present(gradients[name], name);
      // Sums of up to 2048 numbers, each wrong by some 1e-6 of the largest. The key biases have no gradient at all but
      // rounding of what cancels.
      const allowed = 1e-5 * norm + 1e-4;
      expect(Math.abs(Math.hypot(...gradient) - norm), `length of ${name}`).toBeLessThan(allowed);
      expect(Math.abs(product - wanted), `product of ${name}`).toBeLessThan(allowed);
      return name;
    });
    expect(compared.sort()).toEqual(Object.keys(gradients).sort());
    expect(Math.max(...Object.values(gradients).map(([norm]) => norm))).toBeGreaterThan(1);
  });

  it('holds a block by reading its own ranges of the file, and no other bytes', () => {
    const path = copyOf(['config.json', 'vocab.txt', 'model.safetensors']);
    const model = build(path);
    const slabOf = (index: number): Float32Array => {
      const block = present(model.blocks[index], 'block');
      const slab = new Float32Array(slabLayout(block).length);
      initializeSlab(block, slabLayout(block), 1, slab);
      return slab;
    };
    const before = model.blocks.map((_, i) => slabOf(i));
    // Everything that is no range of block 3 is overwritten.
    const file = join(path, 'model.safetensors');
    const bytes = readFileSync(file);
    const kept = Object.values(present(model.blocks[3], 'block').params).flatMap(({ init, shape }) =>
      init.kind === 'file' ? [{ offset: init.range.offset, length: 4 * shape.reduce((a, b) => a * b, 1) }] : [],
    );
    expect(kept).toHaveLength(10);
    const damaged = Buffer.alloc(bytes.length, 0xff);
    for (const { offset, length } of kept) bytes.copy(damaged, offset, offset, offset + length);
    writeFileSync(file, damaged);
    expect(slabOf(3)).toEqual(before[3]);
    expect(slabOf(2)).not.toEqual(before[2]);
    expect(slabOf(5)).toEqual(before[5]);
  });

  it('uses only the first layers where it is told so, and only as many positions as a sample has tokens', () => {
    const model = build(TINY, { layers: 1 });
    expect(model.blocks.map(({ name }) => name)).toEqual(['embed', 'layer0.attention', 'layer0.mlp', 'head']);
    expect(model.blocks[0]?.params['positions']?.shape).toEqual([T, 32]);
  });

  it('refuses data that it cannot read', () => {
    const refuse = (sequence: number, vocabulary: number) =>
      errorOf(() => buildModel(pretrainedModel(TINY), {}, textInfo(sequence, vocabulary)));
    expect(refuse(17, V).message).toBe('the model hf:tiny has 16 positions, a sample has 17 tokens');
    expect(refuse(8, 63).message).toContain(`63 tokens) gives other ids than that of the model hf:tiny`);
    const digits = openDataset('synthetic:digits', { samples: 20 }).info;
    expect(errorOf(() => buildModel(pretrainedModel(TINY), {}, digits)).code).toBe('PT_MODEL_DATA');
  });
});

describe('data for a pretrained encoder', () => {
  const lines = expected.texts.map((text, i) => `${text}\t${i % 2}`).join('\n');
  const { dataDefaults } = pretrainedModel(TINY);

  it('is encoded with its vocabulary, framed by [CLS] and [SEP], as its own tokenizer does', () => {
    const data = openDataset(
      `tsv:${scratchWith({ 'train.tsv': lines, 'dev.tsv': lines })}`,
      { sequence: T },
      dataDefaults,
    );
    const rows = (name: string) => expected.texts.flatMap((_, id) => fieldOf(data, id, name));
    expect(rows('tokens')).toEqual(expected.tokens);
    expect(rows('mask')).toEqual(expected.mask);
    expect(data.info.vocabulary).toBe(V);
  });

  it('keeps what the user says, and kinds without a choice of tokenizer are opened as ever', () => {
    const path = scratchWith({ 'train.tsv': lines, 'dev.tsv': lines });
    expect(openDataset(`tsv:${path}`, { tokenizer: 'bytes' }, dataDefaults).tokenizer?.name).toBe('bytes');
    expect(openDataset(`tsv:${path}`, { sequence: 4, lowercase: true }, dataDefaults).info.vocabulary).toBe(V);
    expect(openDataset('synthetic:sentiment', { samples: 20 }, dataDefaults).tokenizer?.name).toBe('words');
  });
});

describe('ids that mean other rows', () => {
  const lines = expected.texts.map((text, i) => `${text}\t${i % 2}`).join('\n');
  const data = (options: Record<string, unknown>, folder: string, at = '') =>
    openDataset(
      `tsv:${at === '' ? scratchWith({ 'train.tsv': lines, 'dev.tsv': lines }) : at}`,
      { sequence: T, ...options },
      pretrainedModel(folder).dataDefaults,
    ).info;
  const refusal = (options: Record<string, unknown>, folder = TINY) =>
    errorOf(() => buildModel(pretrainedModel(folder), {}, data(options, folder)));
  const vocabulary = readFileSync(join(TINY, 'vocab.txt'), 'utf8').trimEnd().split('\n');

  it.each(['words', 'chars', 'bytes'])('are refused where the tokenizer is %s', (tokenizer) => {
    const error = refusal({ tokenizer });
    expect(error.code).toBe('PT_MODEL_DATA');
    expect(error.message).toContain(`the tokenizer ${tokenizer} mean other rows`);
    expect(error.message).toContain(join(TINY, 'vocab.txt'));
  });

  it('are refused where the folder has no tokenizer, until its file is named', () => {
    const bare = copyOf(['config.json', 'model.safetensors']);
    const error = refusal({}, bare);
    expect(error.message).toContain(`${bare} has neither tokenizer.json nor vocab.txt`);
    expect(error.hint).toContain('--data-options vocab=FILE');
    const named = data({ vocab: join(TINY, 'vocab.txt') }, bare);
    expect(buildModel(pretrainedModel(bare), {}, named).blocks).toHaveLength(6);
  });

  it('are refused of another vocabulary, of the same in another order, and of one that is too large', () => {
    const vocab = (tokens: readonly string[]) => join(scratchWith({ 'v.txt': tokens.join('\n') }), 'v.txt');
    expect(refusal({ vocab: vocab(vocabulary.toReversed()) }).message).toContain(
      'gives other ids than that of the model',
    );
    expect(refusal({ vocab: vocab(vocabulary.slice(0, 60)) }).message).toContain('60 tokens');
    const large = refusal({ vocab: vocab([...vocabulary, 'more', 'words']) }).message;
    expect(large).toContain('has rows for 64 tokens (vocab_size)');
    expect(large).toContain('has 66');
    // The same tokens from another place are the same.
    const same = data({ vocab: vocab(vocabulary) }, TINY);
    expect(buildModel(pretrainedModel(TINY), {}, same).blocks).toHaveLength(6);
  });

  it('may be fewer than rows; so many fewer that they are no filling, it is told with both numbers', () => {
    const doubtsOf = (rows: number, tokens: number) => spareRows({ name: 'x', rows }, tokens);
    expect([doubtsOf(64, 64), doubtsOf(64, 61), doubtsOf(30528, 30522)]).toEqual([null, null, null]);
    expect(doubtsOf(37, 21)).toContain('has rows for 37 tokens (vocab_size), its tokenizer has 21');
    expect(doubtsOf(30520, 21000)).toContain('21000');
    expect(build().doubts).toEqual([]);
  });

  it('are refused where config.json names another id for padding', () => {
    const folder = withConfig({ pad_token_id: 3 });
    copyFileSync(join(TINY, 'vocab.txt'), join(folder, 'vocab.txt'));
    expect(refusal({}, folder).message).toContain('config.json says pad_token_id 3, the tokenizer of the data says 0');
  });

  it('are those of the folder, whichever of its files says them', () => {
    const folder = copyOf(['config.json', 'model.safetensors']);
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(asJson(vocabulary)));
    const at = scratchWith({ 'train.tsv': lines, 'dev.tsv': lines });
    const rows = (of: string) => {
      const opened = openDataset(`tsv:${at}`, { sequence: T }, pretrainedModel(of).dataDefaults);
      return expected.texts.map((_, id) => [...fieldOf(opened, id, 'tokens')]);
    };
    expect(rows(folder)).toEqual(rows(TINY));
    expect(buildModel(pretrainedModel(folder), {}, data({}, folder, at)).blocks).toHaveLength(6);
  });
});

/** The tokenizer of BERT over these tokens, as a tokenizer.json. */
function asJson(tokens: readonly string[]): Record<string, unknown> {
  const id = (token: string): number => tokens.indexOf(token);
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].filter((token) => tokens.includes(token));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', id('[SEP]')], cls: ['[CLS]', id('[CLS]')] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(tokens.map((token, i) => [token, i])),
    },
  };
}

describe('a folder that is no such model', () => {
  it.each([
    [
      'another family, by its name and what can be loaded,',
      { model_type: 't5', architectures: ['T5ForConditionalGeneration'] },
      'PT_HF_CONFIG',
      'is a model of the family "t5" (T5ForConditionalGeneration); families that can be loaded: bert, roberta',
    ],
    ['no family', { model_type: undefined }, 'PT_HF_CONFIG', 'does not say which family of models it is (model_type)'],
    [
      'relative positions',
      { position_embedding_type: 'relative_key' },
      'PT_HF_CONFIG',
      'position_embedding_type is "relative_key"; only "absolute" is supported',
    ],
    ['a decoder', { is_decoder: true }, 'PT_HF_CONFIG', 'is_decoder'],
    [
      'an unknown activation',
      { hidden_act: 'mish' },
      'PT_HF_CONFIG',
      'hidden_act is "mish"; supported are gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish',
    ],
    [
      'a width that is none',
      { hidden_size: 0.5 },
      'PT_HF_CONFIG',
      'hidden_size is 0.5; a whole number from 1 is needed',
    ],
    ['a setting that is missing', { hidden_size: undefined }, 'PT_HF_CONFIG', 'hidden_size is missing'],
    [
      'heads that do not divide the width',
      { num_attention_heads: 5 },
      'PT_HF_CONFIG',
      'hidden_size 32 is not a multiple of num_attention_heads 5',
    ],
    [
      'more layers than weights',
      { num_hidden_layers: 3 },
      'PT_MODEL_WEIGHTS',
      'encoder.layer.2.attention.self.query.weight',
    ],
    [
      'another width inside the MLP',
      { intermediate_size: 128 },
      'PT_MODEL_WEIGHTS',
      'is [64, 32], [128, 32] is needed',
    ],
  ])('%s is named', (_, change, code, text) => {
    const error = errorOf(() => build(withConfig(change)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });

  it('says what is missing', () => {
    expect(errorOf(() => build('/no/such/folder')).message).toBe('no such folder: /no/such/folder');
    expect(errorOf(() => build(scratchWith({ 'vocab.txt': 'x' }))).message).toContain('has no config.json');
    expect(errorOf(() => build(scratchWith({ 'config.json': '{' }))).code).toBe('PT_HF_CONFIG');
    const bare = errorOf(() => build(copyOf(['config.json'])));
    expect(bare.code).toBe('PT_HF_FOLDER');
    expect(bare.hint).toContain('model.safetensors');
  });
});
