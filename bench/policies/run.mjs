// Which freeze policy wins? Every policy on the four cases of bench/ablate: accuracy on the whole validation set,
// work, and work until the accuracy that the run without freezing ends with, less 0.3 points, is first reached. Work
// is counted, not timed: 3 units per sample and active layer (forward and twice that backward), 1 per frozen layer
// that is computed, 0 where the cache has it; steps that a roll-back undid count. So the table does not depend on the
// machine being quiet. node bench/policies/run.mjs [a] [a2] [b] [c] [--policies LIST] [--seeds 1,2,3] [--out FOLDER]
// [--data FOLDER] [--model FOLDER] [--devices LIST] [--results FOLDER] [--smoke] Runs that are done are read, not
// done again; --smoke trains some steps of each and writes to --results only.
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { effectiveEvaluations, eventsOf } from '#dist/engine/events/summary.js';
import { knownNames, wholeNumbers } from '../../scripts/lab/command-line.mjs';
import { mean } from '../../scripts/lab/statistics.mjs';
import { CASE_OPTIONS, caseArguments, CASES } from '../ablate/cases.mjs';
import { BENCH_OPTIONS, BenchResults } from '../bench-results.mjs';
import { trained } from '../trained.mjs';

/** @typedef {import('#dist/engine/events/events.js').RunEvent} RunEvent */
/** @typedef {import('../ablate/cases.mjs').CaseName} CaseName */
/** @typedef {keyof typeof POLICIES} PolicyName */
/** @typedef {Awaited<ReturnType<typeof runOf>>} Run */

const POLICIES = {
  none: ['--freeze', 'none'],
  auto: ['--freeze', 'auto'],
  change: ['--freeze', 'change'],
  paper: ['--freeze', 'paper'],
  'paper, unguarded': ['--freeze', 'paper', '--guard', 'off'],
  'anneal 0.5': ['--freeze', 'anneal', '--freeze-start', '0.5'],
  'anneal 0.85': ['--freeze', 'anneal', '--freeze-start', '0.85'],
};
const SLACK = 0.003;
const TABLE_HEAD =
  '| policy | layers frozen at the end | roll-backs | accuracy, % (per seed) | less work, whole run | ' +
  'less work to target |\n|---|---|---|---|---:|---:|';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...BENCH_OPTIONS,
    ...CASE_OPTIONS,
    policies: { type: 'string' },
    seeds: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: join(tmpdir(), 'pipetrain-bench-policies') },
    devices: { type: 'string', default: 'cpu:2' },
  },
});
const cases = knownNames('case', positionals, CASES);
const policies = knownNames('policy', options.policies?.split(';').map((name) => name.trim()) ?? [], POLICIES);
const seeds = wholeNumbers('seeds', options.seeds);

/**
 * Work of a run in units of one layer's forward of one sample, and where it stood at each validation.
 * @param {readonly RunEvent[]} events
 * @param {number} layers
 */
function workOf(events, layers) {
  let work = 0;
  let frozen = 0;
  /** @type {Map<number, number>} */
  const at = new Map();
  for (const event of events) {
    if (event.type === 'plan.made') frozen = event.frozenLayers;
    if (event.type === 'step')
      work += event.samples * 3 * (layers - frozen) + (event.samples - event.cacheHits) * frozen;
    if (event.type === 'evaluation') at.set(event.step, work);
  }
  return { work, at };
}

/**
 * @param {CaseName} name
 * @param {PolicyName} policy
 * @param {number} seed
 */
async function runOf(name, policy, seed) {
  const folder = join(options.out, `${name}-${policy.replace(/[^a-z0-9.]+/g, '-')}-seed${seed}`);
  const { events } = await trained(folder, [
    ...caseArguments(name, options),
    '--devices',
    options.devices,
    '--seed',
    String(seed),
    ...POLICIES[policy],
  ]);
  const curve = effectiveEvaluations(events);
  const final = curve.at(-1)?.metric ?? Number.NaN;
  console.log(`${name}, ${policy}, seed ${seed}: ${(100 * final).toFixed(2)} %`);
  return {
    seed,
    curve,
    frozen: eventsOf(events, 'plan.made').at(-1)?.frozenLayers ?? 0,
    rollbacks: new Set(eventsOf(events, 'freeze.rolledBack').map(({ step }) => step)).size,
    final,
    ...workOf(events, CASES[name].layers),
  };
}

/**
 * Work until a metric is first reached, or null.
 * @param {Run} run
 * @param {number} target
 */
function workTo({ curve, at }, target) {
  const step = curve.find(({ metric }) => metric >= target)?.step;
  return step === undefined ? null : (at.get(step) ?? null);
}

/**
 * One line of a table; `plain` are the runs without freezing, seed by seed.
 * @param {PolicyName} policy
 * @param {readonly Run[]} runs
 * @param {readonly Run[]} plain
 */
function tableRow(policy, runs, plain) {
  const targets = plain.map(({ final }) => final - SLACK);
  const reached = runs.flatMap((run, i) => workTo(run, targets[i] ?? Infinity) ?? []);
  const plainReached = plain.flatMap((run, i) => workTo(run, targets[i] ?? Infinity) ?? []);
  const toTarget =
    reached.length === runs.length
      ? `${(mean(plainReached) / mean(reached)).toFixed(2)}x`
      : `- (${reached.length} of ${runs.length})`;
  const finals = runs.map(({ final }) => 100 * final);
  const meanWork = (/** @type {readonly Run[]} */ list) => mean(list.map(({ work }) => work));
  return (
    `| ${policy} | ${runs.map(({ frozen }) => frozen).join(', ')} | ` +
    `${runs.map(({ rollbacks }) => rollbacks).join(', ')} | ${mean(finals).toFixed(2)} ` +
    `(${finals.map((one) => one.toFixed(2)).join(', ')}) | ${(meanWork(plain) / meanWork(runs)).toFixed(2)}x | ` +
    `${toTarget} |`
  );
}

/** @param {CaseName} name */
async function sectionOf(name) {
  /** @type {Map<PolicyName, Run[]>} */
  const rows = new Map();
  for (const policy of policies) {
    /** @type {Run[]} */
    const runs = [];
    for (const seed of seeds) runs.push(await runOf(name, policy, seed));
    rows.set(policy, runs);
  }
  const plain = rows.get('none') ?? [...rows.values()][0] ?? [];
  const lines = [...rows].map(([policy, runs]) => tableRow(policy, runs, plain));
  return `## ${name}: ${CASES[name].title}\n\n${TABLE_HEAD}\n${lines.join('\n')}\n`;
}

/** @type {string[]} */
const sections = [];
for (const name of cases) sections.push(await sectionOf(name));
const text = `# Which freeze policy wins

\`node bench/policies/run.mjs ${positionals.join(' ')} --seeds ${options.seeds}\`. Cases are those of bench/ablate,
seeds ${seeds.join(', ')}. Work is counted: 3 units per sample and active layer, 1 per frozen layer that is computed, 0
where it is cached; embeddings, heads, optimizers and validations are left out. The target is the final accuracy without
freezing, less 0.3 points, seed by seed.

${sections.join('\n')}`;
console.log(text);
const results = new BenchResults(import.meta.dirname, options);
const path = results.pathOf('RESULT.md');
if (path !== null && existsSync(path) && cases.length < Object.keys(CASES).length) {
  // Only the sections that were measured now.
  let old = readFileSync(path, 'utf8');
  for (const [i, name] of cases.entries())
    old = old.replace(new RegExp(`## ${name}: [^]*?(?=\\n## |$)`), () => sections[i] ?? '');
  results.write('RESULT.md', old);
} else results.write('RESULT.md', text);
