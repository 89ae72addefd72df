// Which freeze policy wins? Every policy on the three cases of bench/ablate: accuracy on the whole validation set,
// work, and work until the accuracy that the run without freezing ends with, less 0.3 points, is first reached. Work is
// counted, not timed: 3 units per sample and active layer (forward and twice that backward), 1 per frozen layer that is
// computed, 0 where the cache has it; steps that a roll-back undid count. So the table does not depend on the machine
// being quiet. node bench/policies/run.mjs [a] [b] [c] [--policies LIST] [--seeds 1,2,3] [--out FOLDER] [--data FOLDER]
// [--model FOLDER] [--no-write] Runs that are done are read, not done again.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchModel } from '../ablate/fetch.mjs';
import { effective, mean, trained } from '../trained.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const CASES = {
  a: { title: 'fine-tuning MiniLM on SST-2', data: 'sst2', kind: 'sst2', layers: 6 },
  b: { title: 'BERT from scratch on SST-2', data: 'sst2', kind: 'sst2', layers: 4 },
  c: { title: 'ViT from scratch on MNIST', data: 'mnist10k', kind: 'mnist', layers: 6 },
};
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

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    policies: { type: 'string', default: Object.keys(POLICIES).join(';') },
    seeds: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: join(tmpdir(), 'pipetrain-bench-policies') },
    data: { type: 'string', default: process.env.PIPETRAIN_TEST_DATA ?? join(root, '../shared/data') },
    model: { type: 'string' },
    devices: { type: 'string', default: 'cpu:2' },
    'no-write': { type: 'boolean', default: false },
  },
});
const cases = positionals.length === 0 ? Object.keys(CASES) : positionals;
const policies = options.policies.split(';').map((name) => name.trim());
const seeds = options.seeds.split(',').map(Number);
for (const [what, names, known] of [
  ['case', cases, CASES],
  ['policy', policies, POLICIES],
])
  for (const name of names)
    if (!(name in known)) {
      console.error(`there is no ${what} "${name}"; there are ${Object.keys(known).join('; ')}`);
      process.exit(2);
    }

/** Work of a run in units of one layer's forward of one sample, and where it stood at each validation. */
function workOf(events, layers) {
  let work = 0;
  let frozen = 0;
  const at = new Map();
  for (const event of events) {
    if (event.type === 'plan.made') frozen = event.frozenLayers;
    if (event.type === 'step')
      work += event.samples * 3 * (layers - frozen) + (event.samples - event.cacheHits) * frozen;
    if (event.type === 'evaluation') at.set(event.step, work);
  }
  return { work, at };
}

async function row(name, policy) {
  const { data, kind, layers } = CASES[name];
  const model =
    name === 'a'
      ? [
          '--model',
          `hf:${options.model === undefined ? fetchModel(join(options.out, 'model')) : resolve(options.model)}`,
        ]
      : [];
  const runs = [];
  for (const seed of seeds) {
    const folder = join(options.out, `${name}-${policy.replace(/[^a-z0-9.]+/g, '-')}-seed${seed}`);
    const { events } = await trained(folder, [
      join('bench/ablate', `${name}.yaml`),
      ...model,
      '--data',
      `${kind}:${join(resolve(options.data), data)}`,
      '--devices',
      options.devices,
      '--seed',
      String(seed),
      ...POLICIES[policy],
    ]);
    const curve = effective(events, 'evaluation').map(({ step, metric }) => ({ step, metric }));
    const frozen = events.findLast(({ type }) => type === 'plan.made').frozenLayers;
    const rollbacks = new Set(events.filter(({ type }) => type === 'freeze.rolledBack').map(({ step }) => step)).size;
    runs.push({ seed, curve, frozen, rollbacks, final: curve.at(-1).metric, ...workOf(events, layers) });
    console.log(`${name}, ${policy}, seed ${seed}: ${(100 * curve.at(-1).metric).toFixed(2)} %`);
  }
  return { policy, runs };
}

const sections = [];
for (const name of cases) {
  const rows = [];
  for (const policy of policies) rows.push(await row(name, policy));
  const plain = rows.find(({ policy }) => policy === 'none')?.runs ?? rows[0].runs;
  const lines = rows.map(({ policy, runs }) => {
    const reached = runs.map(({ curve, at }, i) => {
      const step = curve.find(({ metric }) => metric >= plain[i].final - SLACK)?.step;
      return step === undefined ? null : at.get(step);
    });
    const plainReached = plain.map(({ curve, at, final }) =>
      at.get(curve.find(({ metric }) => metric >= final - SLACK).step),
    );
    const all = reached.every((work) => work !== null);
    const toTarget = all
      ? `${(mean(plainReached) / mean(reached)).toFixed(2)}x`
      : `- (${reached.filter((work) => work !== null).length} of ${runs.length})`;
    const finals = runs.map(({ final }) => 100 * final);
    return (
      `| ${policy} | ${runs.map(({ frozen }) => frozen).join(', ')} | ` +
      `${runs.map(({ rollbacks }) => rollbacks).join(', ')} | ${mean(finals).toFixed(2)} ` +
      `(${finals.map((one) => one.toFixed(2)).join(', ')}) | ` +
      `${(mean(plain.map(({ work }) => work)) / mean(runs.map(({ work }) => work))).toFixed(2)}x | ${toTarget} ` +
      '|'
    );
  });
  sections.push(
    `## ${name}: ${CASES[name].title}\n\n| policy | layers frozen at the end | roll-backs | accuracy, % (per ` +
      `seed) | less work, whole run | less work to target |\n|---|---|---|---|---:|---:|\n${lines.join('\n')}\n`,
  );
}
const text = `# Which freeze policy wins

\`node bench/policies/run.mjs ${positionals.join(' ')} --seeds ${options.seeds}\`. Cases are those of bench/ablate, seeds ${seeds.join(', ')}. Work is counted: 3 units per sample and active layer, 1 per frozen layer that is
computed, 0 where it is cached; embeddings, heads, optimizers and validations are left out. The target is the final accuracy without freezing, less 0.3 points, seed by seed.

${sections.join('\n')}`;
console.log(text);
if (!options['no-write']) {
  const file = join(here, 'RESULT.md');
  if (existsSync(file) && cases.length < Object.keys(CASES).length) {
    // Only the sections that were measured now.
    let old = readFileSync(file, 'utf8');
    for (const [i, name] of cases.entries())
      old = old.replace(new RegExp(`## ${name}: [^]*?(?=\\n## |$)`), sections[i]);
    writeFileSync(file, old);
  } else writeFileSync(file, text);
}
