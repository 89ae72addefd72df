// ModelBundle: a model file and what it imports as one text, and the contents of the files that it is made of. Nothing
// of it is run here.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { Message, Plugin } from 'esbuild';
import { ModelError } from '../core/errors.js';

const TFJS = /^@tensorflow\/tfjs(-core|-converter)?(\/.*)?$/;

export interface ModelBundle {
  /** CommonJS. */
  readonly code: string;
  /** By their paths relative to the folder of the model file; this one under `.`, whatever its name. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/**
 * Bundles all that the file imports, except the modules that are provided and those of Node. Throws a ModelError
 * (PT_MODEL_MISSING, PT_MODEL_SYNTAX).
 */
export async function bundleModel(file: string): Promise<ModelBundle> {
  const path = resolve(file);
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new ModelError(
      'PT_MODEL_MISSING',
      `no such model file: ${file}${isAbsolute(file) ? '' : `, which would be ${path}`}`,
      'say where it is with --model FILE; a relative path is relative to the current folder',
    );
  }
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
      metafile: true,
      logLevel: 'silent',
      plugins: [share],
      // A model file is read as it stands, whatever project it lies in.
      tsconfigRaw: '{}',
    });
    return { code: result.outputFiles[0]?.text ?? '', contents: contentsOf(path, Object.keys(result.metafile.inputs)) };
  } catch (error) {
    const [message] = (error as { errors?: Message[] }).errors ?? [];
    if (message === undefined) throw error;
    throw syntaxError(file, message, error);
  }
}

/** `inputs` are relative to the working directory; what esbuild made itself is no file. */
function contentsOf(path: string, inputs: readonly string[]): Map<string, Uint8Array> {
  const files = inputs.map((input) => resolve(input)).filter((file) => existsSync(file));
  return new Map(
    files.map((file) => [
      file === path ? '.' : relative(dirname(path), file).replaceAll('\\', '/'),
      readFileSync(file),
    ]),
  );
}

function syntaxError(file: string, { text, location }: Message, cause: unknown): ModelError {
  const place =
    location === null ? '' : `${location.file === '' ? file : location.file}:${location.line}:${location.column + 1}: `;
  const line = location === null || location.lineText.trim() === '' ? '' : ` in the line: ${location.lineText.trim()}`;
  return new ModelError('PT_MODEL_SYNTAX', `${file} does not compile: ${place}${text}`, `correct it${line}`, { cause });
}
