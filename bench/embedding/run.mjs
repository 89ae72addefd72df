// What the embedding of a pretrained model costs in a training step, part by part, with this build of the engine and
// with another one beside it, in turns; both must end with the same bits. Prints a table and writes it to RESULT.md
// beside this file. Usage: node bench/embedding/run.mjs --model FOLDER [--before DIST] [--rounds N] [--results FOLDER]
// [--smoke]. FOLDER as bench/ablate/fetch.mjs fetches it; DIST is the dist folder of another checkout; --smoke takes a
// tiny model and few tokens, and writes to --results only.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, wholeNumber } from '../../scripts/lab/command-line.mjs';
import { machineAndNode } from '../../scripts/lab/machine.mjs';
import { median } from '../../scripts/lab/statistics.mjs';
import { BENCH_OPTIONS, BenchResults, Page } from '../bench-results.mjs';
import { Runner } from '../compute/runner.mjs';

/** @typedef {import('./side.mjs').Parts} Parts */
/** @typedef {import('./side.mjs').SideTurn} SideTurn */

const { values: options } = parseArgs({
  options: {
    ...BENCH_OPTIONS,
    model: { type: 'string' },
    before: { type: 'string' },
    rounds: { type: 'string' },
  },
});
if (options.model === undefined && !options.smoke)
  fail('--model takes the folder of a pretrained encoder; see bench/ablate/fetch.mjs');
const model = options.model ?? null;
const rounds = wholeNumber('rounds', options.rounds ?? (options.smoke ? '1' : '5'));
const STEPS = 3;
const shape = { model, vocabulary: 30522, tokens: options.smoke ? 8 : 64, microBatch: 4 };
const cases = [
  { title: 'one micro-batch', microBatches: 1, replicas: 1, apart: false },
  { title: 'four micro-batches', microBatches: 4, replicas: 1, apart: false },
  { title: 'four, two replicas', microBatches: 4, replicas: 2, apart: false },
  { title: 'four, two hosts', microBatches: 4, replicas: 2, apart: true },
];
const builds = [
  ...(options.before === undefined ? [] : [{ name: 'before', dist: [options.before] }]),
  { name: 'now', dist: [] },
];

const page = new Page();
page.say(`# The embedding in a step\n`);
page.say(
  `Milliseconds on a stage that has the embedding of 30,522 rows of all-MiniLM-L6-v2 alone, AdamW, micro-batches of ` +
    `${shape.microBatch} x ${shape.tokens} made-up tokens as common as those of a language; median of ` +
    `${rounds * STEPS} steps, builds in turns. Machine: ${machineAndNode()}.\n`,
);
page.say('| | build | backward | reduction | update | together | sent, MB | peak, MB |');
page.say('|:--|:--|--:|--:|--:|--:|--:|--:|');
for (const { title, ...rest } of cases) {
  const sides = builds.map(({ name, dist }) => {
    const args = [join(import.meta.dirname, 'side.mjs'), JSON.stringify({ ...shape, ...rest }), ...dist];
    /** @type {Runner<SideTurn>} */
    const runner = new Runner(process.execPath, args, 1);
    return { name, runner, steps: /** @type {Parts[]} */ ([]), peakMb: 0, digest: '' };
  });
  try {
    for (const { runner } of sides) await runner.start();
    for (let round = 0; round < rounds; round++)
      for (const side of sides) {
        const { steps, digest, peakMb } = await side.runner.turn(STEPS);
        side.steps.push(...steps);
        Object.assign(side, { digest, peakMb });
      }
  } finally {
    for (const { runner } of sides) await runner.stop();
  }
  for (const { name, steps, peakMb } of sides) {
    const of = (/** @type {(parts: Parts) => number} */ pick) => median(steps.map(pick));
    const together = of(({ backward, reduce, update }) => backward + reduce + update);
    const parts = [of(({ backward }) => backward), of(({ reduce }) => reduce), of(({ update }) => update), together];
    const sent = of((step) => step.sent) / 1e6;
    const cells = [...parts.map((ms) => ms.toFixed(1)), sent.toFixed(1), peakMb.toFixed(0)];
    page.say(`| ${title} | ${name} | ${cells.join(' | ')} |`);
  }
  if (new Set(sides.map(({ digest }) => digest)).size > 1) fail(`${title}: the builds end with different bits`);
}
if (builds.length > 1) page.say('\nLosses and weights of both builds are the same bits.');
new BenchResults(import.meta.dirname, options).write('RESULT.md', page.text());
