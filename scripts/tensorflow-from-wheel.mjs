// Makes @tensorflow/tfjs-node usable where its install script cannot fetch libtensorflow: the library and the C headers
// come out of a Python wheel of TensorFlow, and the addon is compiled from the sources in the npm package. Everything
// lands in the folder that is named; nothing else changes. npm run tensorflow -- FOLDER [--wheel FILE]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fail } from './lab/command-line.mjs';
import { scratchFolder } from './lab/scratch.mjs';

const TFJS = '4.22.0';
// The addon was written against 2.9.1, whose wheel has no library with the C interface; this one has, and the interface
// only grew.
const TENSORFLOW = '2.15.0';

const USAGE = `Usage: npm run tensorflow -- FOLDER [--wheel FILE]

Builds @tensorflow/tfjs-node ${TFJS} in FOLDER (about 1 GB) on the library of tensorflow-cpu ${TENSORFLOW} from PyPI.
--wheel FILE takes a wheel that is there already. Needs Linux on x64, Node 20 or 22, npm, python3 with pip, and g++.`;

/** Python: copies from a wheel what a C program needs of TensorFlow. */
const EXTRACT = `
import os, shutil, sys, zipfile
wheel, target = sys.argv[1:]
headers = tuple('tensorflow/include/' + part for part in ('tensorflow/c/', 'tensorflow/core/platform/', 'tsl/'))
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith(headers) and name.endswith('.h'):
            path = os.path.join(target, 'include', name[len('tensorflow/include/'):])
        elif name in ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'):
            path = os.path.join(target, 'lib', os.path.basename(name))
        else:
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with archive.open(name) as source, open(path, 'wb') as copy:
            shutil.copyfileobj(source, copy)
`;

/** JavaScript: loads the package and lets it compute. */
const CHECK = `
const tf = require('@tensorflow/tfjs-node');
const [x] = tf.matMul([[1, 2]], [[3], [4]]).dataSync();
if (tf.getBackend() !== 'tensorflow' || x !== 11)
  throw new Error('the backend ' + tf.getBackend() + ' computes ' + x + ' where 11 is right');
`;

/**
 * @param {string} what
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
function run(what, command, args, options = {}) {
  console.log(`${what} ...`);
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  if (error) fail(`${what}: ${command} cannot be started (${error.message}).\n\n${USAGE}`);
  if (status !== 0) fail(`${what} failed: ${command} ended with exit code ${status}; see above.`);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { wheel: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const [folderArgument = fail(USAGE), ...rest] = positionals;
if (rest.length > 0) fail(USAGE);
if (process.platform !== 'linux' || process.arch !== 'x64')
  fail(
    `This is ${process.platform} on ${process.arch}; the wheel is for Linux on x64. Try: npm install ` +
      `@tensorflow/tfjs-node@${TFJS}`,
  );
if (Number(process.versions.node.split('.')[0]) > 22)
  fail(`Node ${process.version} is too new for @tensorflow/tfjs-node: use Node 20 or 22.`);
if (values.wheel !== undefined && !existsSync(values.wheel)) fail(`${values.wheel} does not exist.`);

const folder = resolve(folderArgument);
const modules = join(folder, 'node_modules');
const target = join(modules, '@tensorflow', 'tfjs-node');
mkdirSync(folder, { recursive: true });
if (readdirSync(folder).some((name) => !['package.json', 'package-lock.json', 'node_modules'].includes(name)))
  fail(`${folder} has files of its own; name a new folder.`);
writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
run(
  `installing @tensorflow/tfjs-node ${TFJS}`,
  'npm',
  [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    `@tensorflow/tfjs-node@${TFJS}`,
    'node-api-headers@1',
  ],
  { cwd: folder },
);

const downloads = scratchFolder('wheel');
if (values.wheel === undefined)
  run(`downloading tensorflow-cpu ${TENSORFLOW} (200 MB)`, 'python3', [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--only-binary=:all:',
    '--python-version=3.11',
    '--platform=manylinux2014_x86_64',
    '--dest',
    downloads,
    `tensorflow-cpu==${TENSORFLOW}`,
  ]);
const wheel =
  values.wheel ??
  join(downloads, readdirSync(downloads).find((name) => name.endsWith('.whl')) ?? fail('pip left no wheel.'));
run('taking the library and the headers out of the wheel', 'python3', [
  '-c',
  EXTRACT,
  resolve(wheel),
  join(target, 'deps'),
]);

const library = join(target, 'deps', 'lib');
for (const name of ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'])
  if (!existsSync(join(library, name)))
    fail(`The wheel has no ${name}. Wheels of tensorflow-cpu ${TENSORFLOW} have it.`);
mkdirSync(join(target, 'lib', 'napi-v8'), { recursive: true });
run('compiling the addon', 'g++', [
  '-std=c++17',
  '-O2',
  '-w',
  '-fPIC',
  '-shared',
  '-DNAPI_VERSION=8',
  '-I',
  join(modules, 'node-api-headers', 'include'),
  '-I',
  join(target, 'deps', 'include'),
  join(target, 'binding', 'tfjs_backend.cc'),
  join(target, 'binding', 'tfjs_binding.cc'),
  '-o',
  join(target, 'lib', 'napi-v8', 'tfjs_binding.node'),
  join(library, 'libtensorflow_cc.so.2'),
  join(library, 'libtensorflow_framework.so.2'),
  '-Wl,-rpath,$ORIGIN/../../deps/lib',
]);
run('trying it', process.execPath, ['-e', CHECK], { cwd: folder, env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' } });
console.log(`
It computes. pipetrain finds it through NODE_PATH:

  export NODE_PATH=${modules}
  pipetrain devices
  pipetrain train ... --devices tfjs-node:2
`);
