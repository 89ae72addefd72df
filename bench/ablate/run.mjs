// What freezing, AutoPipe, AutoDP and AutoCache bring on real data: `pipetrain ablate` for four cases, collected in
// RESULT.md beside this file. node bench/ablate/run.mjs [a] [a2] [b] [c] [--seeds 1,2,3] [--cases LIST] [--out FOLDER]
// [--minutes N] [--data FOLDER] [--model FOLDER] [--results FOLDER] [--smoke] Interrupted, or over its time, it goes on
// where it was when the same command is given again. --smoke trains some steps of each and writes to --results only.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, knownNames } from '../../scripts/lab/command-line.mjs';
import { parseJson } from '../../scripts/lab/json.mjs';
import { machineAndNode, versionOf } from '../../scripts/lab/machine.mjs';
import { MAIN, ROOT } from '../../scripts/lab/pipetrain.mjs';
import { BENCH_OPTIONS, BenchResults } from '../bench-results.mjs';
import { CASE_OPTIONS, caseArguments, CASES } from './cases.mjs';

/** @typedef {import('./cases.mjs').CaseName} CaseName */

/**
 * How a case was measured.
 * @typedef {object} Facts
 * @property {number} minutes
 * @property {number} loadBefore
 * @property {number} loadAfter
 * @property {string} date
 */

const here = import.meta.dirname;
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...BENCH_OPTIONS,
    ...CASE_OPTIONS,
    seeds: { type: 'string', default: '1,2,3' },
    cases: { type: 'string' },
    out: { type: 'string', default: join(tmpdir(), 'pipetrain-bench-ablate') },
    minutes: { type: 'string', default: '60' },
  },
});
const chosen = knownNames('case', positionals, CASES);
const minutes = Number(options.minutes);
if (!(minutes > 0)) fail('--minutes takes a number above 0');
const out = resolve(options.out);
mkdirSync(out, { recursive: true });
const results = new BenchResults(here, options);
const deadline = performance.now() + minutes * 60_000;

/**
 * Runs the command to its end or the deadline; an interrupted ablation saves and stops. Resolves to the exit code.
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
function pipetrain(args) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'inherit', cwd: ROOT });
    const timer = setTimeout(
      () => {
        console.error(`${minutes} minutes are over: stopping; the same command goes on from here`);
        child.kill('SIGINT');
      },
      Math.max(0, deadline - performance.now()),
    );
    // Ctrl-C reaches the child by itself; this process only waits for it.
    const wait = () => undefined;
    process.on('SIGINT', wait);
    child.on('exit', (code) => {
      clearTimeout(timer);
      process.off('SIGINT', wait);
      done(code ?? 130);
    });
  });
}

/** @param {CaseName} name */
const factsPath = (name) => join(out, name, 'machine.json');

/**
 * Runs one case to its end and notes how; resolves to the exit code.
 * @param {CaseName} name
 */
async function ablate(name) {
  console.log(`\n${name}: ${CASES[name].title}`);
  const begin = performance.now();
  const before = loadavg()[0] ?? 0;
  const code = await pipetrain([
    'ablate',
    ...caseArguments(name, { ...options, out }),
    '--seeds',
    options.seeds,
    ...(options.cases === undefined ? [] : ['--cases', options.cases]),
    '--out',
    join(out, name),
  ]);
  // A second time it only reads; the measurement is the first.
  if (code !== 0 || existsSync(factsPath(name))) return code;
  /** @type {Facts} */
  const facts = {
    minutes: (performance.now() - begin) / 60_000,
    loadBefore: before,
    loadAfter: loadavg()[0] ?? 0,
    date: new Date().toISOString().slice(0, 10),
  };
  writeFileSync(factsPath(name), JSON.stringify(facts));
  return 0;
}

/** @param {CaseName} name */
function sectionOf(name) {
  const path = factsPath(name);
  const facts = existsSync(path) ? /** @type {Facts} */ (parseJson(readFileSync(path, 'utf8'))) : null;
  const table = readFileSync(join(out, name, 'ablation.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|') || line.startsWith('-'))
    .join('\n')
    .replace('\n- ', '\n\n- ');
  const measured =
    facts === null
      ? ''
      : `\nMeasured ${facts.date}; load of the machine ${facts.loadBefore.toFixed(1)} before, ` +
        `${facts.loadAfter.toFixed(1)} after.\n`;
  return `## ${name}: ${CASES[name].title}

\`bench/ablate/${name}.yaml\`${measured}
![speed-up and accuracy](${name}.svg)

${table}
`;
}

/** @param {readonly CaseName[]} names */
function resultText(names) {
  const notes = join(here, 'NOTES.md');
  return `# What each part brings

\`npm run bench:ablate -- ${names.join(' ')} --seeds ${options.seeds}\`; what the columns mean:
[docs/ablate.md](../../docs/ablate.md).

${machineAndNode()}, ONNX Runtime ${versionOf('onnxruntime-node')}, pipetrain ${versionOf()}

${names.map(sectionOf).join('\n')}
${existsSync(notes) ? readFileSync(notes, 'utf8') : ''}`;
}

let exit = 0;
for (const name of chosen) {
  exit = performance.now() >= deadline ? 130 : await ablate(name);
  if (exit !== 0) break;
}

const finished = knownNames('case', [], CASES).filter((name) => existsSync(join(out, name, 'ablation.md')));
if (finished.length > 0) {
  const text = resultText(finished);
  writeFileSync(join(out, 'RESULT.md'), text);
  results.write('RESULT.md', text);
  // Where the data lie on this machine is nobody's business.
  for (const name of finished) {
    const figure = readFileSync(join(out, name, 'ablation.svg'), 'utf8');
    results.write(`${name}.svg`, figure.replaceAll(`${resolve(options.data)}/`, ''));
  }
  console.log(`\nresults  ${results.pathOf('RESULT.md') ?? join(out, 'RESULT.md')}`);
}
process.exitCode = exit;
