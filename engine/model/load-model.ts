// loadModelDefinition: a built-in model by name, the pretrained one of a folder, or the export `model` of a file. The
// file is bundled with what it imports; `pipetrain`, TensorFlow.js and zod become the very modules that run here, since
// two copies of TensorFlow.js would not know each other's tensors.
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { compileFunction } from 'node:vm';
import type { Message, Plugin } from 'esbuild';
import { ModelError, PipetrainError, UsageError } from '../core/errors.js';
import { didYouMean } from '../core/suggest.js';
import { describeThrown } from './build-model.js';
import type { ModelDefinition } from './define.js';
import { pretrainedEncoder } from './hf/pretrained-encoder.js';
import { BUILT_IN_MODELS, builtInModel } from './registry.js';

export { buildModel } from './build-model.js';

const PRETRAINED = 'hf:';
const FILE = /\.[cm]?[jt]s$/;
const TFJS = /^@tensorflow\/tfjs(-core|-converter)?(\/.*)?$/;

/**
 * The definition of a built-in model, of `hf:DIR` (see hf/), or of a .ts, .mts, .cts, .js, .mjs or .cjs file. A model
 * file is code and runs with the rights of this process; files are only loaded where the user named them. Throws
 * UsageError PT_MODEL_UNKNOWN for an unknown name; for folders ModelError PT_HF_FOLDER or PT_HF_CONFIG; for files
 * ModelError PT_MODEL_MISSING, PT_MODEL_SYNTAX, PT_MODEL_LOAD (it throws while loading) or PT_MODEL_EXPORT (it exports
 * no `model`).
 */
export async function loadModelDefinition(nameOrFile: string): Promise<ModelDefinition> {
  const builtIn = builtInModel(nameOrFile);
  if (builtIn !== null) return builtIn;
  if (nameOrFile.startsWith(PRETRAINED)) return pretrainedEncoder(nameOrFile.slice(PRETRAINED.length));
  if (!FILE.test(nameOrFile) && !/[/\\]/.test(nameOrFile)) {
    const names = BUILT_IN_MODELS.map((model) => model.name);
    throw new UsageError(
      'PT_MODEL_UNKNOWN',
      `there is no built-in model "${nameOrFile}".${didYouMean(nameOrFile, names)}`,
      `built-in models: ${names.join(', ')}; or name a .ts or .js file that exports \`model\`, or hf:DIR for ` +
        'pretrained weights',
    );
  }
  return loadFile(nameOrFile);
}

async function loadFile(file: string): Promise<ModelDefinition> {
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new ModelError(
      'PT_MODEL_MISSING',
      `no such model file: ${file}`,
      'check the path; it is relative to the current folder',
    );
  }
  const exports = run(file, path, await bundle(file, path), await providedModules());
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

/** One CommonJS text with all that the file imports, except the provided modules and those of Node. */
async function bundle(file: string, path: string): Promise<string> {
  const share: Plugin = {
    name: 'provided-modules',
    setup(build) {
      build.onResolve({ filter: TFJS }, () => ({ path: '#tf', external: true }));
      build.onResolve({ filter: /^(pipetrain|zod)$/ }, ({ path: name }) => ({ path: name, external: true }));
    },
  };
  // Loaded here, since most runs need no bundler.
  const esbuild = await import('esbuild');
  try {
    const result = await esbuild.build({
      entryPoints: [path],
      bundle: true,
      write: false,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      sourcemap: 'inline',
      logLevel: 'silent',
      plugins: [share],
      // A model file is read as it stands, whatever project it lies in.
      tsconfigRaw: '{}',
    });
    return result.outputFiles[0]?.text ?? '';
  } catch (error) {
    const [message] = (error as { errors?: Message[] }).errors ?? [];
    if (message === undefined) throw error;
    throw syntaxError(file, message, error);
  }
}

function syntaxError(file: string, { text, location }: Message, cause: unknown): ModelError {
  const place =
    location === null ? '' : `${location.file === '' ? file : location.file}:${location.line}:${location.column + 1}: `;
  const line = location === null ? '' : ` in the line: ${location.lineText.trim()}`;
  return new ModelError('PT_MODEL_SYNTAX', `${file} does not compile: ${place}${text}`, `correct it${line}`, { cause });
}

/** Runs the bundle and returns its exports. */
function run(file: string, path: string, code: string, provided: ReadonlyMap<string, unknown>): unknown {
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
      `${file} throws while loading: ${describeThrown(error)}`,
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
