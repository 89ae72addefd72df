// ExtendedSources: the examples of docs/extending.md, and a copy of the sources with all of them added: for each one
// new file, and the lines of its diff in one registry. Compiled, so that the command runs from it.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type * as Stores from '../cache/activation-store.js';

export interface Example {
  /** Heading of its section, e.g. "A schedule". */
  readonly title: string;
  readonly file: string;
  readonly text: string;
  readonly registry: string;
  /** Lines that begin with `+` (new), a space (there already) or `...` (any lines between). */
  readonly diff: readonly string[];
}

const BLOCK = /^`([^`\n]+)`:\n\n```(ts|diff)\n([\s\S]*?)```$/gm;

/** Sections of the page that add a file. Throws where one has not one file and one diff. */
export function examplesIn(page: string): Example[] {
  return page.split(/^## /m).flatMap((section) => {
    const title = section.split('\n', 1)[0] ?? '';
    const blocks = [...section.matchAll(BLOCK)].map(([, path = '', kind, text = '']) => ({ path, kind, text }));
    if (blocks.length === 0) return [];
    const [file, diff, ...more] = blocks;
    if (file?.kind !== 'ts' || diff?.kind !== 'diff' || more.length > 0)
      throw new Error(`"${title}" has ${blocks.map(({ kind }) => kind).join(', ')}, not one file and one diff`);
    return [{ title, file: file.path, text: file.text, registry: diff.path, diff: diff.text.trimEnd().split('\n') }];
  });
}

/** The text with the new lines of a diff. Throws where a line that should be there is not. */
export function withAdded(text: string, diff: readonly string[]): string {
  const lines = text.split('\n');
  let at = -1;
  for (const line of diff) {
    if (line === '...') continue;
    const rest = line.slice(1);
    if (line.startsWith('+')) lines.splice(++at, 0, rest);
    else {
      const found = lines.indexOf(rest, at + 1);
      if (!line.startsWith(' ') || found < 0) throw new Error(`there is no line "${rest}" to add to`);
      at = found;
    }
  }
  return lines.join('\n');
}

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const OPTIONAL_OF_WS = ['bufferutil', 'utf-8-validate'];
const SOURCES = ['engine', 'freeze', 'pipeline', 'cache', 'cli'];
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

export class ExtendedSources {
  /** Outside the repository; `runs` in it is for runs. */
  readonly folder = mkdtempSync(join(tmpdir(), 'pipetrain-extended-'));

  constructor(examples: readonly Example[]) {
    for (const name of [...SOURCES, 'package.json', 'tsconfig.json'])
      cpSync(resolve(name), join(this.folder, name), { recursive: true });
    mkdirSync(join(this.folder, 'dist'));
    for (const name of ['node_modules', 'dist/vendor']) symlinkSync(resolve(name), join(this.folder, name));
    for (const { file, text, registry, diff } of examples) {
      writeFileSync(join(this.folder, file), text, { flag: 'wx' });
      const list = join(this.folder, registry);
      writeFileSync(list, withAdded(readFileSync(list, 'utf8'), diff));
    }
  }

  /** Compiles the two programs, the command and the worker, and the store of the cache; nothing looks at the types. */
  async compile(): Promise<void> {
    await build({
      absWorkingDir: this.folder,
      entryPoints: ['cli/main.ts', 'engine/worker/worker-main.ts', 'cache/activation-store.ts'],
      outbase: '.',
      outdir: 'dist',
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      // What is native, found by its path, or optional; and what is a bundle already.
      external: ['koffi', 'onnxruntime-node', 'esbuild', 'msgpackr-extract', '@tensorflow/*', '#*', ...OPTIONAL_OF_WS],
      banner: { js: `import { createRequire as __of } from 'node:module'; const require = __of(import.meta.url);` },
      // Its paths are for types alone.
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      logLevel: 'silent',
    });
  }

  /** The compiled store of the cache, with the codecs that it knows. */
  async store(): Promise<typeof Stores> {
    return (await import(pathToFileURL(join(this.folder, 'dist/cache/activation-store.js')).href)) as typeof Stores;
  }

  /** What the compiler has to say about all of it; nothing where all is well. */
  async typeErrors(): Promise<string> {
    const { stdout } = await run([tsc, '-p', join(this.folder, 'tsconfig.json'), '--noEmit'], this.folder);
    return stdout;
  }

  /** Runs `pipetrain` with these arguments. */
  pipetrain(...args: readonly string[]): Promise<Outcome> {
    return run([join(this.folder, 'dist', 'cli', 'main.js'), ...args], this.folder);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const run = (args: readonly string[], cwd: string): Promise<Outcome> =>
  new Promise((done) => {
    const child = execFile(process.execPath, [...args], { cwd, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      done({ exitCode: error === null ? 0 : (child.exitCode ?? -1), stdout, stderr }),
    );
  });
