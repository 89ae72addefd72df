// Makes the checkout runnable: installs what is missing, builds what is stale. Uses nothing but Node, so it works
// before the first install; does nothing (and needs no network) when all is up to date. npm runs it after an install in
// the checkout and before it packs. `--debug` builds for a debugger.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseJson } from './lab/json.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SOURCES = [
  'engine',
  'freeze',
  'pipeline',
  'cache',
  'cli',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'scripts/build.mjs',
  'scripts/build',
  'scripts/vendor',
];
/** @typedef {{ version?: string, integrity?: string, optional?: boolean, peer?: boolean }} LockEntry */

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(`pipetrain needs Node 20 or newer; this is ${process.version}. Install a newer Node and try again.`);
  process.exit(2);
}

/**
 * Every file below `path`, or the path itself where it is a file.
 * @param {string} path
 * @returns {Generator<string>}
 */
function* walk(path) {
  if (statSync(path).isDirectory()) for (const name of readdirSync(path).sort()) yield* walk(join(path, name));
  else yield path;
}

const digest = (/** @type {readonly string[]} */ paths) => {
  const hash = createHash('sha256');
  for (const path of paths)
    for (const file of walk(join(root, path))) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest('hex');
};

/**
 * Runs a command in the checkout; where it fails, its own output has said why, and a stack of this script would only
 * hide it. What it prints is no result of the command that this script serves, such as the name that `npm pack` prints.
 * @param {string} what
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function run(what, command, args, env) {
  console.error(`pipetrain: ${what} ...`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['inherit', 2, 2], env });
  if (status === 0) return;
  console.error(`pipetrain: ${what} failed (exit ${status}); see above.`);
  process.exit(1);
}

/**
 * The packages of a lock file, by their folders.
 * @param {string} file
 * @returns {Record<string, LockEntry>}
 */
function packagesIn(file) {
  const lock = /** @type {{ packages: Record<string, LockEntry> }} */ (parseJson(readFileSync(file, 'utf8')));
  return lock.packages;
}

/** Whether npm has installed what package-lock.json wants, or more, whoever told it to. */
function isInstalled() {
  // npm keeps there what it has installed.
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const found = packagesIn(record);
  return Object.entries(packagesIn(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    const there = found[path];
    if (path === '') return true;
    if (there === undefined) return wanted.optional === true || wanted.peer === true;
    return there.version === wanted.version && there.integrity === wanted.integrity && existsSync(join(root, path));
  });
}

const event = process.env.npm_lifecycle_event;
const isInsideInstall = event === 'prepare' && /^(ci|install|install-test|link)$/.test(process.env.npm_command ?? '');
const isWithoutTools = !existsSync(join(root, 'node_modules', 'typescript'));
if (isInsideInstall && isWithoutTools) {
  console.error('pipetrain: dist/ is not built; that takes the packages for development (npm install --include=dev).');
  process.exit(0);
}
if (!isInsideInstall && !isInstalled()) {
  const script = process.env.npm_execpath ?? '';
  const [command, before] = script === '' ? ['npm', []] : [process.execPath, [script]];
  // Lifecycle variables of the outer npm would be taken for options of the inner one.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(lifecycle|package|command)/.test(key)),
  );
  // No package needs its install script here, and ours would be this one again.
  const flags = ['--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  run('installing packages', command, [...before, 'ci', ...flags], env);
}

const buildStamp = join(root, 'dist', '.pipetrain-build');
const wantedBuild = digest(SOURCES);
const debug = process.argv.filter((arg) => arg === '--debug');
const isBuilt = existsSync(buildStamp) && readFileSync(buildStamp, 'utf8') === wantedBuild;
if (debug.length > 0 || !isBuilt) {
  run('building', process.execPath, [join(root, 'scripts', 'build.mjs'), ...debug], process.env);
  // The next command that wants the usual build makes it.
  if (debug.length === 0) writeFileSync(buildStamp, wantedBuild);
}
