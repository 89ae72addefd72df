// What a stranger does on a machine that has Node, git and the npm registry, in an empty folder with an empty home and
// an npm cache of its own: clone, pack, install for all, doctor, quickstart; then a strict TypeScript project that
// installs the package, is compiled with skipLibCheck off under every module resolution, and runs. One line for each
// step, sizes at the end; exit code 1 where a step fails. Only what is committed is tried.
//   npm run fresh-machine [-- --npm 10] [--keep] [--quick] [--git] [--others pnpm@10,yarn@1]
import { spawnSync } from 'node:child_process';
import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseJson } from './lab/json.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROJECT = fileURLToPath(new URL('fresh-machine/project', import.meta.url));
const RESOLUTIONS = ['node16', 'nodenext', 'bundler', 'node10'];
const LIMIT_MS = 900_000;

const { values } = parseArgs({
  options: {
    /** A version of npm to do it with. */
    npm: { type: 'string' },
    keep: { type: 'boolean', default: false },
    /** Leaves quickstart out, which takes half a minute on a quiet machine. */
    quick: { type: 'boolean', default: false },
    /** Installs from the repository as well, which builds once more. */
    git: { type: 'boolean', default: false },
    /** Other package managers to install the project with. */
    others: { type: 'string' },
  },
});

const folder = mkdtempSync(join(tmpdir(), 'pipetrain-fresh-'));
process.on('exit', () => {
  if (values.keep) console.log(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
});
const inFolder = (/** @type {string[]} */ ...names) => join(folder, ...names);

/** Where packages come from is npm's configuration; nothing else of this user is taken along. */
const registry = spawnSync('npm', ['config', 'get', 'registry'], { cwd: tmpdir(), encoding: 'utf8' }).stdout.trim();
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(npm_|node_(env|path)$|onnxruntime|pipetrain|home$)/i.test(key)),
  ),
  HOME: inFolder('home'),
  npm_config_registry: registry,
  npm_config_cache: inFolder('cache'),
};

/**
 * Runs one step, prints its line, and returns what it printed. A step that fails ends the script with its output.
 * @param {string} what
 * @param {readonly [command: string, ...args: string[]]} command
 * @param {{ cwd?: string, tells?: (output: string) => string, variables?: NodeJS.ProcessEnv }} [options]
 * @returns {string}
 */
function step(what, [command, ...args], { cwd = folder, tells = () => '', variables = {} } = {}) {
  const begin = performance.now();
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...env, ...variables },
    encoding: 'utf8',
    timeout: LIMIT_MS,
    maxBuffer: 2 ** 26,
  });
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  if (status === 0) {
    console.log(`${what.padEnd(46)} ${seconds.padStart(6)} s  ${tells(stdout)}`.trimEnd());
    return stdout;
  }
  console.log(`${what.padEnd(46)} ${seconds.padStart(6)} s  FAILED (${error?.message ?? String(status)})`);
  console.log(`${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  process.exit(1);
}

/** @param {string[]} args */
const npm = (...args) =>
  /** @type {[string, ...string[]]} */ (
    values.npm === undefined ? ['npm', ...args] : ['npx', '-y', `npm@${values.npm}`, ...args]
  );

/**
 * Bytes of a file, or of all below a folder.
 * @param {string} path
 * @returns {number}
 */
function bytesOf(path) {
  const found = lstatSync(path);
  if (!found.isDirectory()) return found.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}
const megabytes = (/** @type {string} */ path) => `${(bytesOf(path) / 1e6).toFixed(1)} MB`;

/** @param {string} output */
const firstLine = (output) => output.trim().split('\n')[0] ?? '';
/** @param {string} output */
const lastLine = (output) => output.trim().split('\n').at(-1) ?? '';

/** A clone and its tarball, whose name is the last thing that `npm pack` prints. */
function packed() {
  step('git clone', ['git', 'clone', '--quiet', ROOT, 'checkout']);
  const checkout = inFolder('checkout');
  const said = step('npm pack, in the clean clone', npm('pack', '--pack-destination', folder), { cwd: checkout });
  return inFolder(lastLine(said));
}

/** @param {string} tarball */
function installedForAll(tarball) {
  step('npm install -g, of the tarball', npm('install', '-g', '--prefix', inFolder('global'), tarball), {
    tells: firstLine,
  });
  const pipetrain = inFolder('global', 'bin', 'pipetrain');
  step('pipetrain --version', [pipetrain, '--version'], { tells: firstLine });
  step('pipetrain doctor', [pipetrain, 'doctor'], { tells: lastLine });
  if (!values.quick)
    step('pipetrain quickstart', [pipetrain, 'quickstart', '--out', inFolder('run')], {
      tells: (output) => /losses +(sha256 \w+)/.exec(output)?.[1] ?? '',
    });
}

/** @param {string} tarball */
function usedByProject(tarball) {
  const project = inFolder('project');
  cpSync(PROJECT, project, { recursive: true });
  cpSync(join(ROOT, 'examples/train.ts'), join(project, 'train.ts'));
  // The project has neither the types of browsers nor those of Node.
  writeFileSync(join(project, 'console.d.ts'), 'declare const console: { log(text: string): void };\n');
  writeFileSync(join(project, 'package.json'), '{ "name": "fresh", "private": true, "type": "module" }\n');
  const { devDependencies } = /** @type {{ devDependencies: Record<string, string> }} */ (
    parseJson(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  );
  const inside = { cwd: project };
  step('npm install, of the tarball in a project', npm('install', tarball), { ...inside, tells: firstLine });
  step(
    'npm install, of the compiler',
    npm('install', '-D', `typescript@${devDependencies['typescript'] ?? ''}`),
    inside,
  );
  for (const resolution of RESOLUTIONS) {
    const module = { bundler: 'esnext', node10: 'esnext' }[resolution] ?? resolution;
    const flags = ['--module', module, '--moduleResolution', resolution, '--outDir', `out-${resolution}`];
    step(`tsc, strict, skipLibCheck off, ${resolution}`, ['npx', 'tsc', '-p', '.', ...flags], inside);
    step('the compiled program', ['node', `out-${resolution}/program.js`], { ...inside, tells: firstLine });
  }
  step('the compiled program that trains', ['node', 'out-nodenext/train.js'], { ...inside, tells: lastLine });
  step('a program in CommonJS', ['node', 'program.cjs'], { ...inside, tells: firstLine });
  const run = ['--data', 'synthetic:text', '--steps', '3', '--devices', 'cpu:2', '--out', 'run'];
  step(
    'npx pipetrain train --model ./model.ts',
    ['npx', 'pipetrain', 'train', '--model', './model.ts', ...run],
    inside,
  );
  rmSync(join(project, 'node_modules'), { recursive: true });
  step('npm ci, in the project', npm('ci'), { ...inside, tells: firstLine });
}

/**
 * @param {string} manager A package manager, with its version.
 * @param {string} tarball
 */
function usedThrough(manager, tarball) {
  const project = inFolder(`project-${manager.replace(/\W/g, '-')}`);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "other", "private": true, "type": "module" }\n');
  step(`${manager} add, of the tarball`, ['npx', '-y', manager, 'add', `file:${tarball}`], { cwd: project });
  const variables = { PATH: `${join(project, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}` };
  step(`pipetrain doctor, by ${manager}`, ['pipetrain', 'doctor'], { cwd: project, variables, tells: lastLine });
}

mkdirSync(env.HOME);
step('npm --version', npm('--version'), { tells: firstLine });
const tarball = packed();
installedForAll(tarball);
usedByProject(tarball);
for (const manager of values.others?.split(',') ?? []) usedThrough(manager, tarball);
if (values.git) {
  // Not with -g: npm's install in its clone, which is there to build, would then be one for all as well.
  const project = inFolder('project-git');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "git", "private": true }\n');
  step('npm install, of the repository', npm('install', `git+file://${inFolder('checkout')}`), { cwd: project });
  step('pipetrain --version', ['npx', 'pipetrain', '--version'], { cwd: project, tells: firstLine });
}
console.log(`tarball ${megabytes(tarball)}; installed for all ${megabytes(inFolder('global'))}, of it:`);
const home = inFolder('global', 'lib', 'node_modules', 'pipetrain');
for (const part of ['dist/vendor', 'dist/types', 'dist/chunks', 'docs', 'node_modules'])
  console.log(`  ${part.padEnd(14)} ${megabytes(join(home, part))}`);
