// loadModelDefinition: a built-in model by name, the pretrained one of a folder, or the export `model` of a file. The
// file is bundled with what it imports; `pipetrain`, TensorFlow.js and zod become the very modules that run here, since
// two copies of TensorFlow.js would not know each other's tensors.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { compileFunction } from 'node:vm';
import { ModelError, PipetrainError, UsageError } from '../core/errors.js';
import { didYouMean } from '../core/suggest.js';
import { describeThrown } from './build-model.js';
import type { ModelDefinition } from './define.js';
import { pretrainedModel } from './hf/families.js';
import { bundleModel } from './model-bundle.js';
import { ModelPlaces } from './model-places.js';
import { builtInSource, fileSource, folderSource, type ModelSource } from './model-source.js';
import { BUILT_IN_MODELS, builtInModel } from './registry.js';

export { buildModel } from './build-model.js';

const PRETRAINED = 'hf:';
const FILE = /\.[cm]?[jt]s$/;

/**
 * The definition of a built-in model, of `hf:DIR` (see hf/), or of a .ts, .mts, .cts, .js, .mjs or .cjs file. A model
 * file is code and runs with the rights of this process; files are only loaded where the user named them. Throws
 * UsageError PT_MODEL_UNKNOWN for an unknown name; for folders ModelError PT_HF_FOLDER or PT_HF_CONFIG; for files
 * ModelError PT_MODEL_MISSING, PT_MODEL_SYNTAX, PT_MODEL_LOAD (it throws while loading) or PT_MODEL_EXPORT (it exports
 * no `model`).
 */
export const loadModelDefinition = async (nameOrFile: string): Promise<ModelDefinition> =>
  (await loadModel(nameOrFile)).definition;

/** A definition, and where it came from. */
export interface LoadedModel {
  readonly definition: ModelDefinition;
  readonly source: ModelSource;
}

/** As `loadModelDefinition`. */
export async function loadModel(nameOrFile: string): Promise<LoadedModel> {
  const builtIn = builtInModel(nameOrFile);
  if (builtIn !== null) return { definition: builtIn, source: builtInSource(nameOrFile) };
  if (isFolder(nameOrFile)) {
    const folder = folderOf(nameOrFile);
    return { definition: pretrainedModel(folder), source: folderSource(folder) };
  }
  requireFile(nameOrFile);
  const { code, contents } = await bundleModel(nameOrFile);
  const places = new ModelPlaces(resolve(nameOrFile), code);
  const provided = await providedModules();
  const exports = ModelPlaces.remembering(() => run({ file: nameOrFile, places, code, provided }));
  const definition = { ...definitionIn(nameOrFile, exports), places };
  return { definition, source: fileSource(nameOrFile, contents) };
}

/** Where a model would come from. Runs nothing of it. Throws as `loadModelDefinition` does before it runs a file. */
export async function findModelSource(nameOrFile: string): Promise<ModelSource> {
  if (builtInModel(nameOrFile) !== null) return builtInSource(nameOrFile);
  if (isFolder(nameOrFile)) {
    const source = folderSource(folderOf(nameOrFile));
    // Says what is missing of a folder of which nothing is there.
    if (source.files.length === 0) pretrainedModel(folderOf(nameOrFile));
    return source;
  }
  requireFile(nameOrFile);
  return fileSource(nameOrFile, (await bundleModel(nameOrFile)).contents);
}

const isFolder = (name: string): boolean => name.startsWith(PRETRAINED);
const folderOf = (name: string): string => name.slice(PRETRAINED.length);

function requireFile(nameOrFile: string): void {
  if (existsSync(join(nameOrFile, 'config.json')))
    throw new UsageError(
      'PT_MODEL_UNKNOWN',
      `${nameOrFile} is a folder, as of pretrained weights, and no model file`,
      `write hf:${nameOrFile}`,
    );
  if (FILE.test(nameOrFile) || /[/\\]/.test(nameOrFile)) return;
  const names = BUILT_IN_MODELS.map((model) => model.name);
  throw new UsageError(
    'PT_MODEL_UNKNOWN',
    `there is no built-in model "${nameOrFile}".${didYouMean(nameOrFile, names)}`,
    `built-in models: ${names.join(', ')}; or name a .ts or .js file that exports \`model\`, or hf:DIR for ` +
      'pretrained weights',
  );
}

function definitionIn(file: string, exports: unknown): ModelDefinition {
  const model = (exports as { model?: unknown }).model;
  if (model === undefined) {
    const names = Object.keys(exports as object).filter((name) => name !== '__esModule');
    throw new ModelError(
      'PT_MODEL_EXPORT',
      `${file} exports no \`model\`; it exports ${names.length === 0 ? 'nothing' : names.join(', ')}`,
      'add: export const model = defineModel({ ... })',
    );
  }
  return checkDefinition(file, model);
}

/** Modules of this installation that a model file shares with the engine. */
async function providedModules(): Promise<ReadonlyMap<string, unknown>> {
  const [pipetrain, zod] = await Promise.all([import('./public.js'), import('zod')]);
  return new Map<string, unknown>([
    ['pipetrain', pipetrain],
    ['zod', zod],
    ['#tf', pipetrain.tf],
  ]);
}

interface ModelCode {
  readonly file: string;
  readonly code: string;
  readonly places: ModelPlaces;
  readonly provided: ReadonlyMap<string, unknown>;
}

/** Runs the bundle and returns its exports. */
function run({ file, code, places, provided }: ModelCode): unknown {
  const path = resolve(file);
  const requireHere = createRequire(path);
  const module: { exports: unknown } = { exports: {} };
  try {
    const body = compileFunction(code, ['module', 'exports', 'require', '__filename', '__dirname'], {
      filename: path,
    }) as (...scope: readonly unknown[]) => void;
    body(
      module,
      module.exports,
      (name: string) => provided.get(name) ?? (requireHere(name) as unknown),
      path,
      dirname(path),
    );
  } catch (error) {
    if (error instanceof PipetrainError) throw error;
    throw new ModelError(
      'PT_MODEL_LOAD',
      `${places.of(error) ?? file} throws while loading: ${describeThrown(error)}`,
      'correct the file; the cause has the place',
      { cause: error },
    );
  }
  return module.exports;
}

function checkDefinition(file: string, model: unknown): ModelDefinition {
  const parts = (typeof model === 'object' && model !== null ? model : {}) as Partial<ModelDefinition>;
  const lacks = [
    typeof parts.name === 'string' ? '' : 'name',
    typeof (parts.options as { safeParse?: unknown } | undefined)?.safeParse === 'function'
      ? ''
      : 'options (a zod schema)',
    typeof parts.build === 'function' ? '' : 'build',
  ].filter((part) => part !== '');
  if (lacks.length > 0) {
    throw new ModelError(
      'PT_MODEL_EXPORT',
      `the export \`model\` of ${file} lacks ${lacks.join(', ')}`,
      'make it with defineModel({ name, summary, options, defaults, build })',
    );
  }
  const definition = parts as ModelDefinition;
  // Plain JavaScript may leave the two out.
  return {
    ...definition,
    summary: parts.summary ?? '',
    defaults: parts.defaults ?? {},
    build: (options, data) => definition.build(options, data),
  };
}
