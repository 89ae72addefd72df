// PretrainedWeights: parameters that start as tensors of a model folder, by their names there. It checks that they fit;
// each worker reads the numbers of its own blocks later.
import { ModelError } from '../../core/errors.js';
import type { ParamSpec } from '../block.js';
import { FLOAT_BYTES, isFloatType } from '../float-range.js';
import type { TensorIndex } from './weight-files.js';

/** Classifiers and the like keep their encoder under this name. */
const PREFIXES = ['', 'bert.'];
/** Weights converted from the first release spell gains and biases of normalisations so. */
const OLD_SPELLINGS: readonly (readonly [string, string])[] = [
  ['LayerNorm.weight', 'LayerNorm.gamma'],
  ['LayerNorm.bias', 'LayerNorm.beta'],
];

export class PretrainedWeights {
  readonly #folder: string;
  readonly #index: TensorIndex;

  constructor(folder: string, index: TensorIndex) {
    this.#folder = folder;
    this.#index = index;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** The weight of a linear layer: [outputs, inputs] in the file, [inputs, outputs] here. */
  matrix(name: string, [inputs, outputs]: readonly [number, number]): ParamSpec {
    return { ...this.#param(name, [outputs, inputs], [inputs, outputs], true), decay: true };
  }

  /** The first `rows` of a table of `storedRows`. */
  table(name: string, [storedRows, width]: readonly [number, number], rows = storedRows): ParamSpec {
    return { ...this.#param(name, [storedRows, width], [rows, width], false), decay: false };
  }

  /** A bias or a gain. */
  vector(name: string, size: number): ParamSpec {
    return { ...this.#param(name, [size], [size], false), decay: false };
  }

  /** Throws where it is there under two names: which one was trained cannot be known. */
  #find(name: string): ReturnType<TensorIndex['get']> {
    const old = OLD_SPELLINGS.map(([now, then]) => name.replace(now, then));
    const names = new Set([name, ...old].flatMap((spelling) => PREFIXES.map((prefix) => prefix + spelling)));
    const [first, second] = [...names].filter((candidate) => this.#index.has(candidate));
    if (first !== undefined && second !== undefined)
      throw new ModelError(
        'PT_MODEL_WEIGHTS',
        `the weights in ${this.#folder} have ${name} twice, as ${first} and as ${second}`,
        'keep only the tensors of the model that config.json describes (model.save_pretrained(DIR) of one model)',
      );
    return first === undefined ? undefined : this.#index.get(first);
  }

  #param(
    name: string,
    stored: readonly number[],
    shape: readonly number[],
    isTransposed: boolean,
  ): Omit<ParamSpec, 'decay'> {
    const wrong = (problem: string): ModelError =>
      new ModelError(
        'PT_MODEL_WEIGHTS',
        `the weights in ${this.#folder} do not fit its config.json: ${problem}`,
        'use the config.json that belongs to the weights',
      );
    const tensor = this.#find(name);
    if (tensor === undefined) throw wrong(`there is no tensor ${name} among ${this.#index.size}`);
    const { path, offset, dtype, bytes } = tensor;
    if (tensor.shape.join() !== stored.join())
      throw wrong(`${name} is [${tensor.shape.join(', ')}], [${stored.join(', ')}] is needed`);
    if (!isFloatType(dtype)) throw wrong(`${name} holds ${dtype}; ${Object.keys(FLOAT_BYTES).join(', ')} can be read`);
    const expected = FLOAT_BYTES[dtype] * stored.reduce((product, n) => product * n, 1);
    if (bytes !== expected) throw wrong(`${name} has ${bytes} bytes, ${expected} are needed`);
    return { shape, init: { kind: 'file', range: { path, offset, dtype, isTransposed } } };
  }
}
