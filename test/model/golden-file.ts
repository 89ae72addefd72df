// Golden files: what PyTorch computed for a run of blocks, as written by scripts/golden/make_torch_*.py. Large
// inputs are not in the file but follow from a closed formula.
import { readdirSync, readFileSync } from 'node:fs';
import { present } from '../../engine/core/invariant.js';
import type { DataInfo } from '../../engine/data/dataset.js';
import type { Model } from '../../engine/model/block.js';
import { buildModel } from '../../engine/model/build-model.js';
import { builtInModel } from '../../engine/model/registry.js';
import type { OptimizerSpec } from '../../engine/tensor/optimizer.js';
import { type HostArray, sizeOf } from '../../engine/tensor/shape.js';

const FOLDER = new URL('../golden/torch/', import.meta.url);

type Listed = Readonly<Record<string, readonly number[]>>;
type Form = 'signed' | 'gain' | 'noise' | 'fineSigned' | 'fineGain';
/** An input: its numbers, or the form and the salt of the formula for them. */
type Input = { readonly role: string; readonly shape: readonly number[] } & (
  { readonly data: readonly number[] } | { readonly form: Form; readonly salt: number }
);

export interface GoldenFile {
  readonly madeWith: string;
  readonly model: string;
  readonly options: Record<string, unknown>;
  readonly fields: Readonly<Record<string, readonly number[]>>;
  readonly classes: number;
  readonly vocabulary: number;
  readonly sequence: number;
  readonly microBatch: number;
  readonly from: number;
  readonly to: number;
  readonly inputs: readonly Input[];
}

/** A stage computed once. */
export interface GoldenStage extends GoldenFile {
  readonly outputs: Listed;
  readonly evaluation: Listed;
}

/** A stage trained for some steps on one micro-batch. */
export interface GoldenTraining extends GoldenFile {
  readonly optimizer: OptimizerSpec;
  /** Largest norm of the whole gradient; 0 for none. */
  readonly clip: number;
  readonly steps: readonly { readonly learningRate: number; readonly gradNorm: number; readonly params: Listed }[];
}

/** Numbers by role. */
export type Numbers = ReadonlyMap<string, Float32Array>;

/** A model computed once: in float32, under autocast, and with the roundings of ours, the samples one by one. */
export interface GoldenRoundings extends GoldenFile {
  readonly fp32: Numbers;
  readonly autocast: Numbers;
  readonly byRule: readonly Numbers[];
}

const read = (name: string): object => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as object;

/** Little-endian float32 in base64, by role. */
type Encoded = Readonly<Record<string, string>>;

const decoded = (encoded: Encoded): Numbers =>
  new Map(
    Object.entries(encoded).map(([role, text]) => [
      role,
      new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer),
    ]),
  );

/** The file that scripts/golden/make_torch_bf16_golden.py wrote. */
export function readGoldenRoundings(): GoldenRoundings {
  const { fp32, autocast, byRule, ...rest } = read('bf16-gpt.json') as GoldenFile & {
    readonly fp32: Encoded;
    readonly autocast: Encoded;
    readonly byRule: readonly Encoded[];
  };
  return { ...rest, fp32: decoded(fp32), autocast: decoded(autocast), byRule: byRule.map(decoded) };
}

/** The files by name, without `.json`. */
export function readGoldenFiles(): {
  readonly stages: [string, GoldenStage][];
  readonly trainings: [string, GoldenTraining][];
} {
  const files = readdirSync(FOLDER)
    .sort()
    .map((name) => [name.replace('.json', ''), read(name)] as const);
  return {
    stages: files.filter(([, content]) => 'outputs' in content) as unknown as [string, GoldenStage][],
    trainings: files.filter(([, content]) => 'steps' in content) as unknown as [string, GoldenTraining][],
  };
}

const INTEGER_FIELDS = ['tokens', 'targets', 'label'];
const TASKS: Readonly<Record<string, DataInfo['task']>> = {
  vit: 'image-classification',
  bert: 'text-classification',
  gpt: 'language-model',
};

/** The built-in model of the file, and the data it is for. */
export function goldenModel({ model, options, fields, classes, vocabulary, sequence }: GoldenFile): {
  readonly model: Model;
  readonly data: DataInfo;
} {
  const data: DataInfo = {
    task: present(TASKS[model], model),
    classes,
    vocabulary,
    sequence,
    fields: Object.entries(fields).map(([name, shape]) => ({
      name,
      shape,
      dtype: INTEGER_FIELDS.includes(name) ? 'int32' : 'float32',
    })),
  };
  return { model: buildModel(present(builtInModel(model), model), options, data), data };
}

interface Formula {
  /** Numbers of the formula are whole, from 0 to one less. */
  readonly below: number;
  /** A number that float32 holds exactly. */
  readonly value: (k: number) => number;
}

const FORMS: Readonly<Record<Form, Formula>> = {
  signed: { below: 101, value: (k) => (k - 50) / 64 },
  gain: { below: 101, value: (k) => 1 + (k - 50) / 128 },
  noise: { below: 101, value: (k) => k / 128 },
  // Those above bfloat16 holds as well, these it does not.
  fineSigned: { below: 10_007, value: (k) => (k - 5003) / 8192 },
  fineGain: { below: 10_007, value: (k) => 1 + (k - 5003) / 16_384 },
};

/** The inputs of the file by role. */
export function goldenInputs({ inputs }: GoldenFile): Map<string, HostArray> {
  return new Map(
    inputs.map((input) => {
      const { role, shape } = input;
      if ('data' in input)
        return [
          role,
          INTEGER_FIELDS.includes(role.replace('field ', ''))
            ? Int32Array.from(input.data)
            : Float32Array.from(input.data),
        ];
      const { salt, form } = input;
      const { below, value } = FORMS[form];
      const wave = (i: number): number => (7 * i * i + (37 + 2 * salt) * i + 53 * salt + 11) % below;
      return [role, Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(wave(i)))];
    }),
  );
}
