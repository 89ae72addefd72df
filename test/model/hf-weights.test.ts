// Files of weights: which bytes belong to which tensor, half-precision numbers, and files that are damaged or want to
// be more than tensors.
import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safetensorsChunks } from '../../engine/checkpoint/safetensors.js';
import { PipetrainError } from '../../engine/core/errors.js';
import { present } from '../../engine/core/invariant.js';
import { readFloatRange } from '../../engine/model/float-range.js';
import { pretrainedModel } from '../../engine/model/hf/families.js';
import { ModelFolder } from '../../engine/model/hf/model-folder.js';
import { PretrainedWeights } from '../../engine/model/hf/pretrained-weights.js';
import { readTensorPickle } from '../../engine/model/hf/tensor-pickle.js';
import { readWeightFiles } from '../../engine/model/hf/weight-files.js';
import { errorOf } from '../error-of.js';
import { scratchWith } from '../scratch.js';
import { copyOf, TINY } from './hf-folder.js';

const floats = (
  path: string,
  dtype: 'F32' | 'F16' | 'BF16',
  shape: readonly number[],
  isTransposed = false,
  offset = 0,
): Float32Array => {
  const out = new Float32Array(shape.reduce((product, n) => product * n, 1));
  readFloatRange({ path, offset, dtype, isTransposed }, shape, out);
  return out;
};
const bytesOf = (array: Uint16Array | Float32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe('ranges of numbers', () => {
  it('are read from where they begin, row by row or transposed', () => {
    const path = join(scratchWith({ w: bytesOf(Float32Array.of(9, 1, 2, 3, 4, 5, 6, 9)) }), 'w');
    expect([...floats(path, 'F32', [2, 3], false, 4)]).toEqual([1, 2, 3, 4, 5, 6]);
    // The file has the matrix [2, 3], the parameter is [3, 2].
    expect([...floats(path, 'F32', [3, 2], true, 4)]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('of half precision become the same numbers in single precision', () => {
    const halves = join(
      scratchWith({ w: bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8000, 0xfc00)) }),
      'w',
    );
    expect([...floats(halves, 'F16', [7])]).toEqual([1, -2, 0.333251953125, 2 ** -24, 65504, -0, -Infinity]);
    const brain = join(scratchWith({ w: bytesOf(Uint16Array.of(0x3f80, 0xc040, 0x0001)) }), 'w');
    expect([...floats(brain, 'BF16', [3])]).toEqual([1, -3, 2 ** -133]);
  });

  it('that the file does not have are an error with both numbers', () => {
    const path = join(scratchWith({ w: bytesOf(Float32Array.of(1, 2)) }), 'w');
    const error = errorOf(() => floats(path, 'F32', [3]));
    expect(error.code).toBe('PT_MODEL_WEIGHTS');
    expect(error.message).toContain('12 bytes at 0');
    expect(error.message).toContain('ends after 8');
    expect(errorOf(() => floats(`${path}-gone`, 'F32', [3])).code).toBe('PT_MODEL_WEIGHTS');
  });
});

describe('files of weights', () => {
  const whole = readWeightFiles(TINY);

  it('give the same numbers for the same tensor, whatever wrote them', () => {
    const torch = readWeightFiles(copyOf(['pytorch_model.bin']));
    expect(whole.size).toBe(39);
    for (const [name, { path, offset, shape }] of whole) {
      const other = present(torch.get(`bert.${name}`), name);
      expect(other.shape).toEqual(shape);
      expect(floats(other.path, 'F32', shape, false, other.offset), name).toEqual(
        floats(path, 'F32', shape, false, offset),
      );
    }
    expect(torch.get('bert.embeddings.position_ids')?.dtype).toBe('I64');
  });

  describe('that are several, with a list of which tensor is where,', () => {
    const [FIRST, SECOND] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const file = (...names: readonly string[]): Uint8Array =>
      Buffer.concat([...safetensorsChunks(names.map((name) => ({ name, shape: [1], data: Float32Array.of(1) })))]);
    const folder = (map: string, second: Uint8Array | null = file('b')): string =>
      scratchWith({
        [FIRST]: file('a'),
        ...(second === null ? {} : { [SECOND]: second }),
        'model.safetensors.index.json': `{"weight_map":${map}}`,
      });

    it('are read', () => {
      expect([...readWeightFiles(folder(`{"a":"${FIRST}","b":"${SECOND}"}`)).keys()]).toEqual(['a', 'b']);
    });

    it.each<[string, string, Uint8Array | null, string]>([
      ['a file that is not there', `{"a":"${FIRST}","b":"${SECOND}"}`, null, `names the file ${SECOND}, which is not`],
      ['a tensor that its file does not have', `{"a":"${FIRST}","c":"${FIRST}"}`, null, 'c is in model-00001'],
      ['a tensor that another file has', `{"a":"${SECOND}","b":"${FIRST}"}`, file('b'), 'but model-00001'],
      ['a tensor that two files have', `{"a":"${FIRST}","b":"${SECOND}"}`, file('a', 'b'), 'a is in two of its files'],
      ['a tensor twice', `{"a":"${FIRST}","a":"${SECOND}"}`, file('b'), 'a file for the tensor a twice'],
      ['a file above the folder', '{"a":"../model.safetensors"}', null, 'outside of its folder'],
      ['a file below the folder', '{"a":"x/model.safetensors"}', null, 'outside of its folder'],
      ['a number', '{"a":1}', null, 'no file for the tensor a'],
      ['nothing', '{}', null, 'its weight_map is empty'],
      ['a list', '[]', null, 'no weight_map'],
    ])('are refused where the list names %s', (_, map, second, why) => {
      expect(errorOf(() => readWeightFiles(folder(map, second)))).toMatchObject({
        code: 'PT_MODEL_WEIGHTS',
        message: expect.stringContaining(why) as string,
      });
    });
  });

  it.each(['model.safetensors', 'pytorch_model.bin'])(
    '%s that is cut off or changed is an error for people, never another one',
    (name) => {
      const path = copyOf([name]);
      const bytes = readFileSync(join(path, name));
      const attempt = (content: Uint8Array): void => {
        writeFileSync(join(path, name), content);
        try {
          readWeightFiles(path);
        } catch (error) {
          if (!(error instanceof PipetrainError) || error.code !== 'PT_MODEL_WEIGHTS') throw error;
        }
      };
      for (const length of [0, 4, 100, bytes.length - 1]) {
        writeFileSync(join(path, name), bytes.subarray(0, length));
        expect(errorOf(() => readWeightFiles(path)).code, `${length} bytes`).toBe('PT_MODEL_WEIGHTS');
      }
      // The descriptions lie within the first 5 kB and, of a zip file, at the end.
      const places = fc.oneof(
        fc.integer({ min: 0, max: 5000 }),
        fc.integer({ min: bytes.length - 4000, max: bytes.length - 1 }),
      );
      fc.assert(
        fc.property(
          fc.array(fc.tuple(places, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
          (changes) => {
            const changed = Buffer.from(bytes);
            for (const [at, value] of changes) changed[at] = value;
            attempt(changed);
          },
        ),
        { numRuns: 300 },
      );
    },
  );
});

describe('weights that say more than they have', () => {
  it('of a directory of 4 GB are refused before it is made room for', () => {
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(1, 8);
    end.writeUInt16LE(1, 10);
    end.writeUInt32LE(0xfffffff0, 12);
    const path = scratchWith({ 'pytorch_model.bin': end });
    expect(errorOf(() => readWeightFiles(path))).toMatchObject({
      code: 'PT_MODEL_WEIGHTS',
      message: expect.stringContaining('its directory lies at 0..4294967280, not before 0') as string,
    });
  });

  it('of a header of a gigabyte are refused, also where the file has it', () => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(2n ** 30n);
    const path = scratchWith({ 'model.safetensors': head });
    truncateSync(join(path, 'model.safetensors'), 2 ** 32);
    expect(errorOf(() => readWeightFiles(path))).toMatchObject({
      code: 'PT_MODEL_WEIGHTS',
      message: expect.stringContaining('the header has 1073741824 bytes, the format allows 100000000') as string,
    });
  });

  it.each(['model.safetensors', 'pytorch_model.bin', 'config.json'])('%s that is a pipe is not waited for', (name) => {
    const folder = copyOf(
      ['config.json', 'model.safetensors'].filter((one) => one !== name && name !== 'pytorch_model.bin'),
    );
    execFileSync('mkfifo', [join(folder, name)]);
    const read = name === 'config.json' ? () => new ModelFolder(folder) : () => readWeightFiles(folder);
    expect(errorOf(read).code).toBe('PT_NOT_A_FILE');
  });
});

describe('a folder', () => {
  const config = JSON.parse(readFileSync(join(TINY, 'config.json'), 'utf8')) as object;
  const withFiles = (settings: object, files: Readonly<Record<string, string>> = {}) =>
    pretrainedModel(scratchWith({ 'config.json': JSON.stringify({ ...config, ...settings }), ...files }));

  it.each<[string, object]>([
    ['pruned_heads', { pruned_heads: { 0: [1] } }],
    ['quantization_config', { quantization_config: { bits: 4 } }],
    ['auto_map', { auto_map: { AutoModel: 'modeling.Model' } }],
    ['is_encoder_decoder', { is_encoder_decoder: true }],
    ['add_cross_attention', { add_cross_attention: true }],
  ])('is refused where %s would be passed over', (key, settings) => {
    const error = errorOf(() => withFiles(settings));
    expect([error.code, error.message]).toEqual(['PT_HF_CONFIG', expect.stringContaining(`${key} is `)]);
  });

  it('is taken where these say that there is nothing', () => {
    const nothing = {
      pruned_heads: {},
      quantization_config: null,
      is_encoder_decoder: false,
      add_cross_attention: false,
    };
    expect(withFiles(nothing).summary).toContain('2 layers');
  });

  it('is refused with an adapter, and with a tensor under two names', () => {
    expect(errorOf(() => withFiles({}, { 'adapter_config.json': '{}' })).message).toContain('adapter_config.json');
    const tensor = present(readWeightFiles(TINY).get('pooler.dense.bias'), 'a tensor');
    const index = (...names: string[]) =>
      new PretrainedWeights('x', new Map(names.map((name) => [name, tensor])), {
        prefixes: ['', 'bert.'],
        written: 'bert.',
        heads: [],
        spellings: [['LayerNorm.bias', 'LayerNorm.beta']],
      });
    expect(index('bert.a.bias').has('a.bias')).toBe(true);
    for (const other of ['bert.a.LayerNorm.bias', 'a.LayerNorm.beta'])
      expect(errorOf(() => index('a.LayerNorm.bias', other).has('a.LayerNorm.bias')).message).toContain(
        `twice, as a.LayerNorm.bias and as ${other}`,
      );
  });
});

describe('the pickle of a state_dict', () => {
  const broken = (why: string): Error => new Error(why);
  const read = (text: string) => readTensorPickle(Buffer.from(text, 'latin1'), broken);
  const message = (text: string): string => {
    try {
      read(text);
    } catch (error) {
      return (error as Error).message;
    }
    return 'nothing was thrown';
  };

  it.each([
    ['a call of the system', '\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.', '"posix.system"'],
    ['an import of built-ins', '\x80\x02c__builtin__\neval\n.', '"__builtin__.eval"'],
    ['a class of its own', '\x80\x02(imodule\nClass\n.', 'instruction 0x69'],
    ['a newer protocol', '\x80\x04}.', 'protocol 4'],
    [
      'a dictionary called as if it were a function',
      '\x80\x02}K\x01\x85R.',
      'something else than a dictionary or a tensor',
    ],
    ['a number', '\x80\x02K\x01.', 'something else than a dictionary'],
    ['a pop of nothing', '\x80\x02R.', 'more than there is'],
    ['a value that was never there', '\x80\x02h\x07.', 'the value 7'],
    ['no end', '\x80\x02}', 'ends too early'],
    ['more behind its end', '\x80\x02}.}.', '2 bytes behind its end'],
    ['a text without end', '\x80\x02X\xff\xff\xff\x7fab', 'ends too early'],
  ])('%s is refused and not run', (_, text, reason) => {
    expect(message(text)).toContain(reason);
  });

  it.each([
    ['dictionaries', '}'],
    ['lists', ']'],
    ['empty tuples', ')'],
    ['marks', '('],
    ['tuples of a mark', '(t'],
  ])('of %s without end is refused when a million are made', (_, text) => {
    expect(message(`\x80\x02${text.repeat(1.1e6)}.`)).toContain('makes more than 1000000');
  });

  it('does not look through a shape of thousands of axes', () => {
    const storage = '(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ';
    const shape = `(${'K\x01'.repeat(1000)}t`;
    expect(
      message(`\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n(${storage}K\x00${shape}${shape}tRs.`),
    ).toContain('something else than a dictionary or a tensor');
  });

  it('leaves out what is no tensor', () => {
    expect(read('\x80\x02}X\x01\x00\x00\x00aK\x01s.').size).toBe(0);
  });

  it('never does anything but read or refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          readTensorPickle(Buffer.concat([Buffer.from('\x80\x02}', 'latin1'), bytes]), broken);
        } catch (error) {
          expect((error as Error).message).toMatch(/^(it|its) /);
        }
      }),
      { numRuns: 500 },
    );
  });
});
