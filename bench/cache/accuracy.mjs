// What the lossy codecs of the cache cost in accuracy: the digit ViT from scratch, its lower half frozen for the second
// half of training, and a pretrained encoder on SST-2 with its lower four layers frozen from the start; every codec,
// the same seeds. Accuracy does not depend on how busy the machine is. node bench/cache/accuracy.mjs [digits] [encoder]
// [--seeds 1,2,3] [--out FOLDER] [--data FOLDER] [--model FOLDER] [--no-write]
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchModel } from '../ablate/fetch.mjs';
import { mean, trained } from '../trained.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    out: { type: 'string', default: join(tmpdir(), 'pipetrain-bench-codecs') },
    data: { type: 'string', default: process.env.PIPETRAIN_TEST_DATA ?? join(root, '../shared/data') },
    model: { type: 'string' },
    devices: { type: 'string', default: 'cpu:2' },
    'no-write': { type: 'boolean', default: false },
  },
});
const data = resolve(options.data);
const CASES = {
  digits: {
    title: 'Digit ViT from scratch, 2,000 validation digits: 3 of 6 layers frozen after half of 4 epochs',
    args: () => [
      'bench/ablate/c.yaml',
      '--data',
      `mnist:${data}/mnist10k`,
      '--freeze',
      'manual',
      '--freeze-schedule',
      '250:3',
    ],
  },
  encoder: {
    title: 'Pretrained MiniLM on SST-2, 872 validation sentences: 4 of 6 layers frozen from the start',
    args: () => [
      'bench/ablate/a.yaml',
      '--model',
      `hf:${options.model === undefined ? fetchModel(join(options.out, 'model')) : resolve(options.model)}`,
      '--data',
      `sst2:${data}/sst2`,
      '--freeze',
      'manual',
      '--freeze-schedule',
      '0:4',
    ],
  },
};
const CODECS = ['f32', 'f16', 'i8'];
const cases = positionals.length === 0 ? Object.keys(CASES) : positionals;
for (const name of cases)
  if (!(name in CASES)) {
    console.error(`there is no case "${name}"; there are ${Object.keys(CASES).join(', ')}`);
    process.exit(2);
  }
const seeds = options.seeds.split(',').map(Number);

const sections = [];
for (const name of cases) {
  const rows = [];
  for (const codec of CODECS) {
    const runs = [];
    for (const seed of seeds) {
      const { summary, events } = await trained(join(options.out, `${name}-${codec}-seed${seed}`), [
        ...CASES[name].args(),
        '--devices',
        options.devices,
        '--seed',
        String(seed),
        '--cache-codec',
        codec,
      ]);
      const losses = events.filter(({ type }) => type === 'evaluation').map(({ loss }) => loss);
      if (summary.cache.hits === 0) throw new Error(`${name}, ${codec}: nothing was read from the cache`);
      runs.push({ metric: 100 * summary.metric.value, loss: losses.at(-1) });
      console.log(`${name}, ${codec}, seed ${seed}: ${(100 * summary.metric.value).toFixed(2)} %`);
    }
    rows.push({ codec, runs });
  }
  const exact = rows[0].runs;
  const lines = rows.map(({ codec, runs }) => {
    const metrics = runs.map(({ metric }) => metric);
    const change = mean(metrics) - mean(exact.map(({ metric }) => metric));
    return (
      `| ${codec} | ${metrics.map((metric) => metric.toFixed(2)).join(', ')} | ${mean(metrics).toFixed(2)} | ` +
      `${codec === 'f32' ? '' : `${change >= 0 ? '+' : ''}${change.toFixed(2)}`} | ` +
      `${mean(runs.map(({ loss }) => loss)).toFixed(4)} |`
    );
  });
  sections.push(
    `## ${CASES[name].title}\n\n| codec | accuracy by seed, % | mean | points against f32 | validation loss ` +
      `|\n|---|---|---:|---:|---:|\n${lines.join('\n')}\n`,
  );
}
const text = `# What lossy codecs of the cache cost in accuracy

\`node bench/cache/accuracy.mjs${positionals.map((name) => ` ${name}`).join('')} --seeds ${options.seeds}\`; settings in that script and in bench/ablate. Training and validation both read through the codec.

${sections.join('\n')}`;
console.log(text);
if (!options['no-write']) writeFileSync(join(here, 'ACCURACY.md'), text);
