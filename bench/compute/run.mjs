// Compares training steps of our executor with the same steps in PyTorch, side by side: the processes take turns of a
// few steps each, so that whatever else the machine does meets all. Prints tables and writes them to RESULT.md and
// result.json beside this file. Usage: node bench/compute/run.mjs [--rounds N] [--threads 1,2] [--models a,b]
// [--executor NAME] [--python PATH | --venv FOLDER | --ours-only] [--results FOLDER] [--smoke]; --smoke takes tiny
// models and writes to --results only.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, knownNames, wholeNumber, wholeNumbers } from '../../scripts/lab/command-line.mjs';
import { machine, versionOf } from '../../scripts/lab/machine.mjs';
import { median } from '../../scripts/lab/statistics.mjs';
import { BENCH_OPTIONS, BenchResults } from '../bench-results.mjs';
import { flopOf, MEASURED_MODELS, modelOf, SMOKE_MODELS } from './models.mjs';
import { findPython, PYTHON_OPTIONS } from './python.mjs';
import { describe } from './report.mjs';
import { canPin, Runner } from './runner.mjs';

/** @typedef {import('./runner.mjs').Turn} Turn */
/** @typedef {import('./runner.mjs').GemmTurn} GemmTurn */
/** @typedef {import('./runner.mjs').Times} Times */
/** @typedef {import('./report.mjs').Measurements} Measurements */
/** @typedef {import('./report.mjs').Result} Result */
/** @typedef {import('./report.mjs').Side} Side */
/** @typedef {{ side: string, runner: Runner<GemmTurn>, rates: Record<string, number>[] }} GemmSide */

/** The first step of a turn finds the cache full of the other's data and is dropped. */
const TURN_STEPS = 4;
const PROBE_STEPS = 5;
const here = import.meta.dirname;
const { values: options } = parseArgs({
  options: {
    ...BENCH_OPTIONS,
    ...PYTHON_OPTIONS,
    rounds: { type: 'string' },
    threads: { type: 'string', default: '1,2' },
    models: { type: 'string' },
    /** What computes on our side. */
    executor: { type: 'string', default: 'ort-cpu' },
  },
});
const rounds = wholeNumber('rounds', options.rounds ?? (options.smoke ? '1' : '10'));
const threadCounts = wholeNumbers('threads', options.threads);
const known = options.smoke ? SMOKE_MODELS : MEASURED_MODELS;
const models = knownNames('model', options.models?.split(',') ?? [], known);
if (!existsSync(join(here, '../../dist/engine/index.js')))
  fail('There is no dist/ to measure. Build first: npm run build');
const results = new BenchResults(here, options);
const python = findPython(options);

/**
 * A side of our own: one of the scripts beside this one.
 * @template Answer
 * @param {string} script
 * @param {readonly string[]} args
 * @param {number} [threads]
 * @returns {Runner<Answer>}
 */
const ours = (script, args, threads = 1) => new Runner(process.execPath, [join(here, script), ...args], threads);

/** @type {(args: readonly string[], threads: number, env?: Record<string, string>) => Runner<Turn>} */
const theirs = (args, threads, env) => new Runner(python.path ?? '', [join(here, 'theirs.py'), ...args], threads, env);

const stepWall = (/** @type {Turn} */ { steps }) => median(steps.slice(1).map(({ step }) => step.wall));

/**
 * PyTorch's threads may spin or sleep while they wait; which is faster depends on the machine and on what else it does,
 * so both are tried.
 * @param {string} name
 * @param {number} threads
 * @param {string} folder
 */
async function fastestWaiting(name, threads, folder) {
  const probe = async (/** @type {string} */ policy, /** @type {number} */ limitMs) => {
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

/**
 * The sides that are compared for one model and number of threads, each started.
 * @param {string} name
 * @param {number} threads
 * @param {string} folder
 */
async function startSides(name, threads, folder) {
  /** @type {(Side & { runner: Runner<Turn> })[]} */
  const sides = [];
  /** @type {(side: Side['side'], runner: Runner<Turn>, more?: { policy: string }) => Promise<void>} */
  const add = async (side, runner, more) => {
    const { version, baseMb, first } = await runner.start();
    sides.push({ side, runner, version, baseMb, peakMb: 0, turns: [], losses: [], adamw: first.adamw, ...more });
  };
  await add(
    'pipetrain',
    ours('ours.mjs', [name, String(threads), '--dump', folder, '--executor', options.executor], threads),
  );
  if (threads > 1 && options.executor === 'ort-cpu' && modelOf(name).sizes.B % threads === 0)
    await add('workers', ours('workers.mjs', [name, String(threads)], threads));
  if (python.path !== undefined) {
    const policy = threads === 1 ? 'passive' : await fastestWaiting(name, threads, folder);
    await add('PyTorch', theirs([name, String(threads), folder], threads, { OMP_WAIT_POLICY: policy }), { policy });
  }
  return sides;
}

/**
 * Lets a side take a turn, and keeps its medians.
 * @param {Side & { runner: Runner<Turn> }} side
 */
async function takeTurn(side) {
  const { steps, peakMb, loss } = await side.runner.turn(TURN_STEPS);
  const middle = (
    /** @type {'forward' | 'backward' | 'optimizer' | 'step'} */ part,
    /** @type {keyof Times} */ clock,
  ) => median(steps.slice(1).map((step) => step[part]?.[clock] ?? Number.NaN));
  side.turns.push({
    forward: middle('forward', 'wall'),
    backward: middle('backward', 'wall'),
    optimizer: middle('optimizer', 'wall'),
    step: middle('step', 'wall'),
    cpu: middle('step', 'cpu'),
  });
  side.losses.push(loss);
  side.peakMb = peakMb;
}

/**
 * @param {string} name
 * @param {number} threads
 * @param {readonly GemmSide[]} gemms
 * @returns {Promise<Result>}
 */
async function measure(name, threads, gemms) {
  const folder = mkdtempSync(join(tmpdir(), 'pipetrain-bench-model-'));
  const sides = await startSides(name, threads, folder);
  try {
    for (let round = 0; round < rounds; round++) {
      // Who comes first alternates.
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) await takeTurn(side);
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

/** The command, without where things lie on this machine. */
function commandLine() {
  const given = [
    ...(options.python === undefined ? [] : ['--python PATH']),
    ...(options.venv === undefined ? [] : ['--venv FOLDER']),
    ...(options['ours-only'] ? ['--ours-only'] : []),
    `--rounds ${rounds}`,
    `--threads ${options.threads}`,
    ...(options.executor === 'ort-cpu' ? [] : [`--executor ${options.executor}`]),
    ...(models.length === Object.keys(known).length ? [] : [`--models ${models.join(',')}`]),
  ];
  return `npm run bench:compute -- ${given.join(' ')}`;
}

/**
 * Writes the page and the record, and returns the page.
 * @param {Result[]} measured
 * @param {readonly GemmSide[]} gemms
 */
function write(measured, gemms) {
  /** @type {Measurements} */
  const record = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    pinned: canPin,
    versions: {
      pipetrain: versionOf(),
      'onnxruntime-node': versionOf('onnxruntime-node'),
      Node: process.versions.node,
      PyTorch: measured[0]?.sides.find(({ side }) => side === 'PyTorch')?.version ?? null,
    },
    command: commandLine(),
    rounds,
    turnSteps: TURN_STEPS,
    missing: python.path === undefined ? python.reason : null,
    gemm: gemms.map(({ side, rates }) => ({ side, rates })),
    results: measured,
  };
  const notes = join(here, 'NOTES.md');
  const text = describe(record, existsSync(notes) ? readFileSync(notes, 'utf8') : '');
  const rounded = (/** @type {string} */ _key, /** @type {unknown} */ value) =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : value;
  results.write('RESULT.md', text);
  results.write('result.json', `${JSON.stringify(record, rounded, 1)}\n`);
  return text;
}

try {
  /** @type {GemmSide[]} */
  const gemms = [{ side: 'ONNX Runtime', runner: ours('ours.mjs', ['gemm', '1']), rates: [] }];
  if (python.path !== undefined)
    gemms.push({
      side: 'PyTorch',
      runner: new Runner(python.path, [join(here, 'theirs.py'), 'gemm', '1'], 1),
      rates: [],
    });
  for (const { runner } of gemms) await runner.start();
  /** @type {Result[]} */
  const measured = [];
  for (const threads of threadCounts.toSorted((a, b) => a - b)) {
    if (threads > cpus().length) {
      console.error(`${threads} threads are left out: this machine has ${cpus().length} cores.`);
      continue;
    }
    for (const model of models) {
      measured.push(await measure(model, threads, gemms));
      // A run takes minutes; what is done is not lost where it is interrupted.
      write(measured, gemms);
    }
  }
  for (const { runner } of gemms) await runner.stop();
  console.log(write(measured, gemms));
} finally {
  python.remove();
}
