// Makes the checkout runnable: installs what is missing, builds what is stale. Uses nothing but Node, so it works
// before the first install; does nothing (and needs no network) when all is up to date. `--build` builds in any case,
// `--build --debug` for a debugger.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const SOURCES = [
  'engine',
  'freeze',
  'pipeline',
  'cache',
  'cli',
  'package.json',
  'tsconfig.json',
  'scripts/build.mjs',
  'scripts/vendor',
];

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
 * hide it.
 * @param {string} what
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
function run(what, command, args, env) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (status === 0) return;
  console.error(`pipetrain: ${what} failed (exit ${status}); see above.`);
  process.exit(1);
}

const isCurrent = (/** @type {string} */ stamp, /** @type {string} */ value) =>
  existsSync(stamp) && readFileSync(stamp, 'utf8') === value;

const installStamp = join(root, 'node_modules', '.pipetrain-install');
const wantedInstall = digest(['package-lock.json', '.npmrc']);
if (!isCurrent(installStamp, wantedInstall)) {
  console.log('pipetrain: installing packages ...');
  const script = process.env.npm_execpath ?? '';
  const [command, before] = script === '' ? ['npm', []] : [process.execPath, [script]];
  // Lifecycle variables of the outer npm would be taken for options of the inner one.
  /** @type {NodeJS.ProcessEnv} */
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(lifecycle|package|command)/.test(key)),
  );
  // The same switch as in .npmrc, for versions of npm that do not hand unknown settings on to install scripts.
  env.ONNXRUNTIME_NODE_INSTALL ??= 'skip';
  run('installing packages', command, [...before, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], env);
  writeFileSync(installStamp, wantedInstall);
}

const buildStamp = join(root, 'dist', '.pipetrain-build');
const wantedBuild = digest(SOURCES) + wantedInstall;
if (process.argv.includes('--build') || !isCurrent(buildStamp, wantedBuild)) {
  console.log('pipetrain: building ...');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  mkdirSync(join(root, 'dist'));
  const flags = process.argv.filter((arg) => arg === '--debug');
  run('building', process.execPath, [join(root, 'scripts', 'build.mjs'), ...flags], process.env);
  // The next command that wants the usual build makes it.
  if (flags.length === 0) writeFileSync(buildStamp, wantedBuild);
}
