// Compares training steps of our executor with the same steps in PyTorch, side by side: the processes take turns of a
// few steps each, so that whatever else the machine does meets all. Prints tables and writes them to RESULT.md and
// result.json beside this file. Usage: node bench/compute/run.mjs [--rounds N] [--threads 1,2] [--models a,b] [--python
// PATH | --venv FOLDER] [--no-write]
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, release, tmpdir, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { flopOf, MODELS } from './models.mjs';
import { findPython } from './python.mjs';
import { describe, median } from './report.mjs';
import { canPin, Runner } from './runner.mjs';

/** The first step of a turn finds the cache full of the other's data and is dropped. */
const TURN_STEPS = 4;
const PROBE_STEPS = 5;
const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    threads: { type: 'string', default: '1,2' },
    models: { type: 'string', default: Object.keys(MODELS).join(',') },
    python: { type: 'string' },
    venv: { type: 'string', default: process.env.PIPETRAIN_BENCH_VENV },
    'no-write': { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const threadCounts = options.threads.split(',').map(Number);
const models = options.models.split(',');
const fail = (message) => {
  console.error(message);
  process.exit(2);
};
if (!Number.isInteger(rounds) || rounds < 1 || !threadCounts.every((n) => Number.isInteger(n) && n > 0))
  fail('--rounds takes a number of rounds, --threads numbers of threads such as 1,2');
for (const model of models)
  if (!(model in MODELS)) fail(`--models: there is no "${model}"; there are ${Object.keys(MODELS).join(', ')}`);
if (!existsSync(join(here, '../../dist/engine/index.js')))
  fail('There is no dist/ to measure. Build first: npm run build');

const ours = (args, threads) => new Runner(process.execPath, [join(here, 'ours.mjs'), ...args], threads);
const theirs = (args, threads, env) => new Runner(python.path, [join(here, 'theirs.py'), ...args], threads, env);
const stepWall = ({ steps }) => median(steps.slice(1).map(({ step }) => step.wall));

/**
 * PyTorch's threads may spin or sleep while they wait; which is faster depends on the machine and on what else it does,
 * so both are tried.
 */
async function fastestWaiting(name, threads, folder) {
  const probe = async (policy, limitMs) => {
    const runner = theirs([name, String(threads), folder], threads, { OMP_WAIT_POLICY: policy });
    const begin = performance.now();
    // Where other programs want the cores, a spinning thread may take many times as long.
    const timer = setTimeout(() => runner.kill(), limitMs);
    try {
      await runner.start();
      return { policy, wall: stepWall(await runner.turn(PROBE_STEPS)), took: performance.now() - begin };
    } catch (error) {
      if (performance.now() - begin < limitMs) throw error;
      return { policy, wall: Infinity, took: limitMs };
    } finally {
      clearTimeout(timer);
      await runner.stop();
    }
  };
  const passive = await probe('passive', 2 ** 31 - 1);
  const active = await probe('active', 2 * passive.took);
  return active.wall < passive.wall ? 'active' : 'passive';
}

/** The sides that are compared for one model and number of threads, each started. */
async function startSides(name, threads, folder) {
  const sides = [];
  const add = async (side, runner, more = {}) => {
    const { version, baseMb, first } = await runner.start();
    sides.push({ side, runner, version, baseMb, peakMb: 0, turns: [], losses: [], adamw: first.adamw, ...more });
  };
  await add('pipetrain', ours([name, String(threads), '--dump', folder], threads));
  if (threads > 1 && MODELS[name].sizes.B % threads === 0)
    await add('workers', new Runner(process.execPath, [join(here, 'workers.mjs'), name, String(threads)], threads));
  if (python.path !== undefined) {
    const policy = threads === 1 ? 'passive' : await fastestWaiting(name, threads, folder);
    await add('PyTorch', theirs([name, String(threads), folder], threads, { OMP_WAIT_POLICY: policy }), { policy });
  }
  return sides;
}

async function measure(name, threads, gemms) {
  const folder = mkdtempSync(join(tmpdir(), 'pipetrain-bench-model-'));
  const sides = await startSides(name, threads, folder);
  try {
    for (let round = 0; round < rounds; round++) {
      // Who comes first alternates.
      for (const each of round % 2 === 0 ? sides : sides.toReversed()) {
        const { steps, peakMb, loss } = await each.runner.turn(TURN_STEPS);
        const middle = (part, clock) => median(steps.slice(1).map((step) => step[part]?.[clock] ?? NaN));
        const parts = ['forward', 'backward', 'optimizer', 'step'].map((part) => [part, middle(part, 'wall')]);
        each.turns.push({ ...Object.fromEntries(parts), cpu: middle('step', 'cpu') });
        each.losses.push(loss);
        each.peakMb = peakMb;
      }
      for (const gemm of threads === 1 ? gemms : []) gemm.rates.push((await gemm.runner.turn(1)).rates);
      process.stderr.write(`\r${name}, ${threads} thread${threads === 1 ? '' : 's'}: round ${round + 1} of ${rounds} `);
    }
    process.stderr.write('\n');
  } finally {
    for (const { runner } of sides) await runner.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return { model: name, threads, flop: flopOf(name), sides: sides.map(({ runner: _, ...side }) => side) };
}

/** Writes the page and the record, and returns the page. */
function write(results, gemms) {
  const require = createRequire(import.meta.url);
  const given = [
    ...(options.python === undefined ? [] : ['--python PATH']),
    ...(options.venv === undefined ? [] : ['--venv FOLDER']),
    `--rounds ${rounds}`,
    `--threads ${options.threads}`,
  ];
  const record = {
    date: new Date().toISOString().slice(0, 10),
    machine:
      `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ` +
      `${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}`,
    pinned: canPin,
    versions: {
      pipetrain: require('../../package.json').version,
      'onnxruntime-node': require('onnxruntime-node/package.json').version,
      Node: process.versions.node,
      PyTorch: results[0]?.sides.find(({ side }) => side === 'PyTorch')?.version ?? null,
    },
    command:
      'npm run bench:compute -- ' +
      `${given.join(' ')}${models.length === Object.keys(MODELS).length ? '' : ` --models ${options.models}`}`,
    rounds,
    turnSteps: TURN_STEPS,
    missing: python.reason ?? null,
    gemm: gemms.map(({ side, rates }) => ({ side, rates })),
    results,
  };
  const notes = join(here, 'NOTES.md');
  const text = describe(record, existsSync(notes) ? readFileSync(notes, 'utf8') : '');
  if (!options['no-write']) {
    writeFileSync(join(here, 'RESULT.md'), text);
    writeFileSync(
      join(here, 'result.json'),
      `${JSON.stringify(record, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value), 1)}\n`,
    );
  }
  return text;
}

const python = findPython({ python: options.python, folder: options.venv });
if (python.path === undefined) console.error(`PyTorch cannot be had: ${python.reason}. Only our own side is measured.`);
try {
  const gemms = [{ side: 'ONNX Runtime', runner: ours(['gemm', '1'], 1), rates: [] }];
  if (python.path !== undefined) gemms.push({ side: 'PyTorch', runner: theirs(['gemm', '1'], 1), rates: [] });
  for (const { runner } of gemms) await runner.start();
  const results = [];
  for (const threads of threadCounts.toSorted((a, b) => a - b)) {
    if (threads > cpus().length)
      console.error(`${threads} threads are left out: this machine has ${cpus().length} cores.`);
    else {
      for (const model of models) {
        results.push(await measure(model, threads, gemms));
        // A run takes minutes; what is done is not lost where it is interrupted.
        write(results, gemms);
      }
    }
  }
  for (const { runner } of gemms) await runner.stop();
  console.log(write(results, gemms));
} finally {
  python.remove();
}
