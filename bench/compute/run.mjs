// Compares one training step of the four-layer reference model on our executor with the same step in PyTorch, side by side: the two processes
// take turns of a few steps each, so that whatever else the machine does meets both. Prints a table and writes it to RESULT.md beside this file.
// Usage: node bench/compute/run.mjs [--python PATH] [--rounds N] [--threads 1,2]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, tmpdir, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const WARM_UP_STEPS = 5;
/** The first step of a turn finds the cache full of the other's data and is dropped. */
const TURN_STEPS = 4;
const PARTS = ['forward', 'backward', 'optimizer', 'step'];
const here = dirname(fileURLToPath(import.meta.url));

const { values: options } = parseArgs({
  options: { python: { type: 'string' }, rounds: { type: 'string', default: '15' }, threads: { type: 'string', default: '1,2' } },
});
const rounds = Number(options.rounds);
const threadCounts = options.threads.split(',').map(Number);
if (!Number.isInteger(rounds) || rounds < 1 || !threadCounts.every((n) => Number.isInteger(n) && n > 0)) {
  console.error('--rounds takes a number of rounds, --threads numbers of threads such as 1,2');
  process.exit(2);
}
if (!existsSync(join(here, '../../dist/engine/index.js'))) {
  console.error('There is no dist/ to measure. Build first: npm run build');
  process.exit(2);
}

const succeeds = (command, args, input) => spawnSync(command, args, { encoding: 'utf8', ...input }).status === 0;
const canPin = type() === 'Linux' && succeeds('taskset', ['--version']);

/** A Python with PyTorch: the given one, or one in an environment of its own that is removed afterwards. */
function findPython() {
  if (options.python !== undefined) {
    if (succeeds(options.python, ['-c', 'import torch'])) return { path: options.python, folder: null };
    return { reason: `the Python given by --python cannot import torch` };
  }
  const folder = mkdtempSync(join(tmpdir(), 'pipetrain-bench-'));
  const fail = (reason) => {
    rmSync(folder, { recursive: true, force: true });
    return { reason };
  };
  console.error('Installing PyTorch into a temporary environment; this may take some minutes (--python PATH uses one that exists) ...');
  if (!succeeds('python3', ['-m', 'venv', folder])) return fail('python3 with the module venv is needed to install it');
  const path = join(folder, 'bin', 'python');
  const { status, stderr } = spawnSync(path, ['-m', 'pip', 'install', '--quiet', 'torch', 'numpy'], { encoding: 'utf8' });
  if (status !== 0) return fail(`pip cannot install it: ${(stderr ?? '').trim().split('\n').at(-1) ?? ''}`);
  return succeeds(path, ['-c', 'import torch']) ? { path, folder } : fail('what pip installed cannot be imported');
}

/** A process that takes as many steps as it is told and answers with their times. */
class Runner {
  #child;
  #lines;

  constructor(command, args, threads) {
    const [program, ...rest] = canPin ? ['taskset', '-c', threads === 1 ? '0' : `0-${threads - 1}`, command, ...args] : [command, ...args];
    // With PyTorch's default its threads spin while they wait and take the cores from each other.
    this.#child = spawn(program, rest, { env: { ...process.env, OMP_WAIT_POLICY: 'passive' }, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async #answer() {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('a measured process ended early; its message is above');
    return JSON.parse(value);
  }

  async start() {
    const { version } = await this.#answer();
    await this.turn(WARM_UP_STEPS);
    return version;
  }

  turn(steps) {
    this.#child.stdin.write(`${steps}\n`);
    return this.#answer();
  }

  stop() {
    this.#child.stdin.end();
  }
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

async function measure(python, threads) {
  const commands = [
    { name: 'pipetrain', command: process.execPath, args: [join(here, 'four-layer.mjs'), String(threads)] },
    ...(python === undefined ? [] : [{ name: 'PyTorch', command: python, args: [join(here, 'four_layer.py'), String(threads)] }]),
  ];
  const runners = commands.map(({ name, command, args }) => ({ name, runner: new Runner(command, args, threads), turns: [], peakMb: 0, version: '' }));
  try {
    for (const each of runners) each.version = await each.runner.start();
    for (let round = 0; round < rounds; round++) {
      // Who comes first alternates.
      for (const each of round % 2 === 0 ? runners : runners.toReversed()) {
        const { steps, peakMb } = await each.runner.turn(TURN_STEPS);
        each.turns.push(Object.fromEntries(PARTS.map((part) => [part, median(steps.slice(1).map((step) => step[part].wall))])));
        each.peakMb = peakMb;
      }
      process.stderr.write(`\r${threads} thread${threads === 1 ? '' : 's'}: round ${round + 1} of ${rounds} `);
    }
    process.stderr.write('\n');
  } finally {
    for (const { runner } of runners) runner.stop();
  }
  return runners;
}

function rows(threads, [ours, theirs]) {
  const times = ({ turns }) => PARTS.map((part) => median(turns.map((turn) => turn[part])).toFixed(1));
  const line = (name, cells, peak) => `| ${[threads, name, ...cells, peak].join(' | ')} |`;
  const megabytes = ({ peakMb }) => Math.round(peakMb);
  if (theirs === undefined) return [line(ours.name, times(ours), megabytes(ours))];
  const ratios = PARTS.map((part) => median(ours.turns.map((turn, i) => turn[part] / theirs.turns[i][part])).toFixed(2));
  return [
    line('pipetrain, ms', times(ours), megabytes(ours)),
    line('PyTorch, ms', times(theirs), megabytes(theirs)),
    line('ratio', ratios.map((ratio) => `**${ratio}**`), (ours.peakMb / theirs.peakMb).toFixed(2)),
  ];
}

const found = findPython();
try {
  const results = [];
  for (const threads of threadCounts) {
    if (threads > cpus().length) console.error(`${threads} threads are left out: this machine has ${cpus().length} cores.`);
    else results.push({ threads, runners: await measure(found.path, threads) });
  }
  const require = createRequire(import.meta.url);
  const torchVersion = results[0]?.runners[1]?.version;
  const versions = [
    `pipetrain ${require('../../package.json').version}`,
    `onnxruntime-node ${require('onnxruntime-node/package.json').version} (${results[0]?.runners[0]?.version})`,
    `Node ${process.versions.node}`,
    ...(torchVersion === undefined ? [] : [`PyTorch ${torchVersion}`]),
  ];
  const given = [...(options.python === undefined ? [] : ['--python PATH']), `--rounds ${rounds}`, `--threads ${options.threads}`];
  const text = `# One training step, side by side

Four transformer layers, width 256, 4 heads, MLP 1024, batch 8 x 128 tokens, float32, pre-norm, exact GELU, AdamW: 3.2 million parameters,
about 21 GFLOP. Milliseconds of wall clock: the median over ${rounds} rounds; in a round each side takes ${TURN_STEPS} steps, of which the first is
dropped. The ratio is ours divided by PyTorch's, round by round, and the median of that. Memory is the peak of the whole process in MB.
${found.path === undefined ? `\n**PyTorch could not be had: ${found.reason}. Only our own times are below.**\n` : ''}
| threads | | forward | backward | optimizer | step | peak MB |
|--:|:--|--:|--:|--:|--:|--:|
${results.flatMap(({ threads, runners }) => rows(threads, runners)).join('\n')}

* Machine: ${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}${canPin ? '; both sides pinned to the same cores' : ''}
* Versions: ${versions.join(', ')}${torchVersion === undefined ? '' : '; `OMP_WAIT_POLICY=passive` for PyTorch, which is slower without it at two threads'}
* Command: \`npm run bench:compute -- ${given.join(' ')}\`
* Date: ${new Date().toISOString().slice(0, 10)}
`;
  console.log(text);
  writeFileSync(join(here, 'RESULT.md'), text);
} finally {
  if (found.folder != null) rmSync(found.folder, { recursive: true, force: true });
}
