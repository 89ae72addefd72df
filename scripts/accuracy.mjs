// Measures every elementwise op over its whole range against 64-bit references, on every executor that works here, and
// writes docs/accuracy.md. Ends with 1 where an op is further off than its bound. `--only a,b` measures the ops a and b
// and writes nothing.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as nn from '#dist/engine/tensor/nn.js';
import { openExecutorOf } from '#dist/engine/tensor/open-executor.js';
import * as tf from '#dist/engine/tensor/tf.js';
import { trace, traceGradients } from '#dist/engine/tensor/trace.js';
import { binary, unary } from './accuracy/cases.mjs';
import { grid, pairs, SPECIAL, SPECIAL_PAIRS } from './accuracy/grid.mjs';
import { isEverywhereSame, worst } from './accuracy/measure.mjs';
import { accuracyReport } from './accuracy/report.mjs';
import { ROOT } from './lab/pipetrain.mjs';

/** @typedef {import('./accuracy/report.mjs').Row} Row */

const EXECUTORS = /** @type {const} */ (['ort-cpu', 'tfjs-cpu', 'tfjs-wasm']);
const EACH = 256;
const NEAR = 200_000;

const { values: options } = parseArgs({ options: { only: { type: 'string' } } });
const only = options.only?.split(',') ?? null;
const engine = { tf, nn, trace, traceGradients };
const numbers = grid(EACH, NEAR);
const two = pairs(grid(32, 20_000));
const special = Float32Array.from(SPECIAL);

/** @type {Row[]} */
const rows = [];
for (const name of EXECUTORS) {
  const executor = await openExecutorOf(name, { threads: 1 });
  for (const [cases, xs, specials] of /** @type {const} */ ([
    [unary, [numbers], [special]],
    [binary, two, SPECIAL_PAIRS],
  ]))
    for (const test of cases.filter((test) => only === null || only.includes(test.name))) {
      const value = worst(engine, executor, test, xs);
      const ofSpecial = worst(engine, executor, test, specials);
      const slope = test.slope === undefined ? null : worst(engine, executor, test, xs, true);
      const isSame = isEverywhereSame(engine, executor, test, xs);
      rows.push({ test, executor: name, value, special: ofSpecial, slope, isSame });
      if (only !== null) console.log(name, test.name, value, ofSpecial, slope, isSame);
    }
  executor.close();
}

const wrong = rows.filter(
  ({ test, value, special: ofSpecial, slope, isSame }) =>
    Math.max(value.units, ofSpecial.units) > (test.bound ?? 4) ||
    (slope?.units ?? 0) > (test.slopeBound ?? 4) ||
    (!isSame && test.isPlaced !== true),
);
for (const { test, executor, value, special: ofSpecial, slope } of wrong)
  console.log(`WRONG ${test.name} on ${executor}`, value, ofSpecial, slope);
if (only === null)
  writeFileSync(
    join(ROOT, 'docs/accuracy.md'),
    accuracyReport({ rows, executors: EXECUTORS, processor: cpus()[0]?.model ?? 'unknown', numbers: numbers.length }),
  );
process.exitCode = wrong.length > 0 ? 1 : 0;
