// PretrainedWeights: parameters that start as tensors of a model folder, by their names there. It checks that they fit;
// each worker reads the numbers of its own blocks later.
import { ModelError } from '../../core/errors.js';
import type { ParamSpec } from '../block.js';
import { FLOAT_BYTES, isFloatType } from '../float-range.js';
import type { ForeignPlace } from '../foreign-form.js';
import type { TensorIndex } from './weight-files.js';

/** How the weights of a family are named. */
export interface WeightNames {
  /** Classifiers and the like keep what they are built on under one of these. */
  readonly prefixes: readonly string[];
  /** The one of them that whole classifiers and language models have. */
  readonly written: string;
  /** First parts of names that never have it: those of heads. */
  readonly heads: readonly string[];
  /** Spellings of parts of names now and then, of files that may have either. */
  readonly spellings?: readonly (readonly [string, string])[];
}

/** Names of tensors that belong to one of several layers. */
const OF_A_LAYER = /(^|\.)(h|layers?|blocks?)\.\d+\./;
const BUFFER = /\.(attn\.bias|attn\.masked_bias|inv_freq|position_ids)$/;
const MOST_LISTED = 4;

export class PretrainedWeights {
  readonly #folder: string;
  readonly #index: TensorIndex;
  readonly #names: WeightNames;
  readonly #used = new Set<string>();

  constructor(folder: string, index: TensorIndex, names: WeightNames) {
    this.#folder = folder;
    this.#index = index;
    this.#names = names;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** The weight of a linear layer: [outputs, inputs] in the file, [inputs, outputs] here. */
  matrix(name: string, [inputs, outputs]: readonly [number, number]): ParamSpec {
    return { ...this.#param(name, [outputs, inputs], [inputs, outputs], true), decay: true };
  }

  /** A matrix that lies in the file as it is used here: [inputs, outputs]. */
  plainMatrix(name: string, shape: readonly [number, number]): ParamSpec {
    return { ...this.#param(name, shape, shape, false), decay: true };
  }

  /** `rows` of a table of `storedRows`, from row `first` on. */
  table(name: string, [storedRows, width]: readonly [number, number], rows = storedRows, first = 0): ParamSpec {
    return { ...this.#param(name, [storedRows, width], [rows, width], false, first * width), decay: false };
  }

  /** A convolution whose patches do not overlap, as a linear layer: [outputs, ...patch] in the file. */
  patchMatrix(name: string, patch: readonly number[], outputs: number): ParamSpec {
    const inputs = patch.reduce((product, n) => product * n, 1);
    return { ...this.#param(name, [outputs, ...patch], [inputs, outputs], true), decay: true };
  }

  /** Rows that a file has with a first axis of 1. */
  rows(name: string, shape: readonly [number, number]): ParamSpec {
    return { ...this.#param(name, [1, ...shape], shape, false), decay: false };
  }

  /** A parameter that starts otherwise, or as another tensor, and is written as a linear layer's weight or bias. */
  written(spec: ParamSpec, name: string): ParamSpec {
    const isTransposed = spec.shape.length === 2;
    return {
      ...spec,
      foreign: this.#place(name, isTransposed ? spec.shape.toReversed() : spec.shape, isTransposed, 0),
    };
  }

  /** The shape of a tensor, or null where there is none. */
  shapeOf(name: string): readonly number[] | null {
    return this.#find(name)?.shape ?? null;
  }

  /**
   * What looks wrong where layers have tensors that no block has asked for; null where all are used. To be asked when
   * all blocks are made. Buffers that follow from the sizes are none.
   */
  get passedOver(): string | null {
    const names = [...this.#index.keys()].filter(
      (name) => OF_A_LAYER.test(name) && !BUFFER.test(name) && !this.#used.has(name),
    );
    if (names.length === 0) return null;
    const listed = names.slice(0, MOST_LISTED).join(', ') + (names.length > MOST_LISTED ? ', ...' : '');
    return (
      `${names.length} tensors of layers in ${this.#folder} are no part of the model that its config.json describes, ` +
      `and are not used: ${listed}`
    );
  }

  /** A bias or a gain. */
  vector(name: string, size: number): ParamSpec {
    return { ...this.#param(name, [size], [size], false), decay: false };
  }

  /** Throws where it is there under two names: which one was trained cannot be known. */
  #find(name: string): ReturnType<TensorIndex['get']> {
    const { prefixes, spellings = [] } = this.#names;
    const old = spellings.map(([now, then]) => name.replace(now, then));
    const names = new Set([name, ...old].flatMap((spelling) => prefixes.map((prefix) => prefix + spelling)));
    const [first, second] = [...names].filter((candidate) => this.#index.has(candidate));
    if (first !== undefined && second !== undefined)
      throw new ModelError(
        'PT_MODEL_WEIGHTS',
        `the weights in ${this.#folder} have ${name} twice, as ${first} and as ${second}`,
        'keep only the tensors of the model that config.json describes (model.save_pretrained(DIR) of one model)',
      );
    if (first === undefined) return undefined;
    this.#used.add(first);
    return this.#index.get(first);
  }

  #param(
    name: string,
    stored: readonly number[],
    shape: readonly number[],
    isTransposed: boolean,
    skipped = 0,
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
    const range = { path, offset: offset + skipped * FLOAT_BYTES[dtype], dtype, isTransposed };
    const rows = skipped === 0 ? shape : [(shape[0] ?? 0) + skipped / (shape[1] ?? 1), ...shape.slice(1)];
    // A table of positions ends where samples do.
    const there = isTransposed || stored.length !== shape.length ? stored : rows;
    return { shape, init: { kind: 'file', range }, foreign: this.#place(name, there, isTransposed, skipped) };
  }

  #place(name: string, shape: readonly number[], isTransposed: boolean, skipped: number): ForeignPlace {
    const { written, heads } = this.#names;
    const prefix = heads.includes(name.split('.', 1)[0] ?? '') ? '' : written;
    return { name: prefix + name, shape, isTransposed, skipped };
  }
}
