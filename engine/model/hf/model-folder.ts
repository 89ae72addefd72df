// ModelFolder: a folder in the layout of Hugging Face: its name, what its config.json says, its weights and where its
// tokenizer is. What the settings mean is the business of a family.
import { existsSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { DESCRIPTION_BYTES, readBoundedText } from '../../core/bounded-file.js';
import { ModelError, PipetrainError } from '../../core/errors.js';
import { tokenizerFile } from '../../data/tokenizer-source.js';
import { COMMON_SETTINGS, problemsOf, unknownSettings } from './config-settings.js';
import { PretrainedWeights, type WeightNames } from './pretrained-weights.js';
import { readWeightFiles } from './weight-files.js';

const LIMIT = { maxBytes: DESCRIPTION_BYTES, remedy: 'Download it again; a real one has some kilobytes.' };

type Shape = Record<string, z.ZodType>;
type CommonShape = typeof COMMON_SETTINGS;
export type CommonSettings = z.infer<z.ZodObject<CommonShape>>;

/** What a family reads of config.json, and what is told of the rest. */
export interface KnownSettings<S extends Shape> {
  readonly config: z.infer<z.ZodObject<S & CommonShape>>;
  readonly doubts: readonly string[];
}

export class ModelFolder {
  /** As models are called: `hf:` and the last part of the path. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly configFile: string;
  readonly #json: Readonly<Record<string, unknown>>;

  /** Throws ModelError PT_HF_FOLDER, or PT_HF_CONFIG where config.json is damaged or an adapter changes the weights. */
  constructor(folder: string) {
    requireFolder(folder);
    this.path = resolve(folder);
    this.name = `hf:${basename(this.path)}`;
    this.configFile = join(folder, 'config.json');
    this.#json = readJson(this.configFile);
  }

  /** `model_type`, or null where nothing is said. */
  get family(): string | null {
    const type = this.#json['model_type'];
    return typeof type === 'string' ? type : null;
  }

  /** Names of the classes that the weights were saved from. */
  get architectures(): readonly string[] {
    const names = this.#json['architectures'];
    return Array.isArray(names) ? names.map(String) : [];
  }

  /** What config.json says, with other values for some settings; those that are undefined are left out. */
  changedConfig(changes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const all = { ...this.#json, ...changes, _name_or_path: undefined, torch_dtype: undefined };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  /** Where its tokenizer is described, or null. */
  get tokenizer(): string | null {
    return tokenizerFile(this.path);
  }

  /**
   * The settings, where all are supported. `neutral` are those that decide nothing in this family. Throws ModelError
   * PT_HF_CONFIG with the name and the value of each that is not.
   */
  settings<S extends Shape>(family: string, shape: S, neutral: readonly string[] = []): KnownSettings<S> {
    const schema = z.looseObject({ ...shape, ...COMMON_SETTINGS });
    const result = schema.safeParse(this.#json);
    if (!result.success)
      throw this.unsupported(problemsOf(result.error.issues, this.#json).join('; '), `of the family ${family}`);
    const unknown = unknownSettings(this.#json, [...Object.keys(schema.shape), ...neutral]);
    return {
      config: result.data,
      doubts: unknown === null ? [] : [`${this.name}: ${unknown}`],
    };
  }

  /** The error for settings that are not supported. */
  unsupported(problem: string, which = ''): ModelError {
    return new ModelError(
      'PT_HF_CONFIG',
      `${this.configFile} describes a model${which === '' ? '' : ` ${which}`} that cannot be loaded: ${problem}`,
      'use the config.json that belongs to the weights, or another model of the family',
    );
  }

  /** The weights by name; they are looked at when they are asked for. */
  weights(names: WeightNames): PretrainedWeights {
    return new PretrainedWeights(this.path, readWeightFiles(this.path), names);
  }
}

function requireFolder(folder: string): void {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new ModelError(
      'PT_HF_FOLDER',
      `no such folder: ${folder}`,
      'name a folder with config.json, the weights and the tokenizer after hf:; it is relative to the current folder',
    );
  const adapter = join(folder, 'adapter_config.json');
  if (existsSync(adapter))
    throw new ModelError(
      'PT_HF_CONFIG',
      `${adapter} says that the folder has an adapter (such as LoRA), whose weights would not be added to those of ` +
        'the model',
      'merge it into the model and save that (model.merge_and_unload().save_pretrained(DIR)), or use the model ' +
        'without it',
    );
  if (!existsSync(join(folder, 'config.json')))
    throw new ModelError(
      'PT_HF_FOLDER',
      `${folder} has no config.json`,
      'name the folder of a model in the layout of Hugging Face',
    );
}

function readJson(path: string): Readonly<Record<string, unknown>> {
  const damaged = (why: string, cause?: unknown): ModelError =>
    new ModelError('PT_HF_CONFIG', `${path} is no JSON file: ${why}`, 'download it again', { cause });
  let json: unknown;
  try {
    json = JSON.parse(readBoundedText(path, LIMIT)) as unknown;
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw damaged((error as Error).message, error);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw damaged('it holds no object');
  return json as Readonly<Record<string, unknown>>;
}
