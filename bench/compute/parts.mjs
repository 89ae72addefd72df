// The parts of a training step alone, ours and PyTorch's in turns, on one pinned core: matrix products in GFLOP/s of
// processor time, everything else in milliseconds of it; the best of several repetitions. Prints tables and writes them
// to PARTS.md beside this file. Usage: node bench/compute/parts.mjs [--python PATH | --venv FOLDER | --ours-only]
// [--rounds N] [--results FOLDER] [--smoke]; --smoke takes tiny models and writes to --results only.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missingForKernels } from '#dist/engine/tensor/jit/cpu-features.js';
import { wholeNumber } from '../../scripts/lab/command-line.mjs';
import { machineAndNode } from '../../scripts/lab/machine.mjs';
import { BENCH_OPTIONS, BenchResults } from '../bench-results.mjs';
import { MEASURED_MODELS, SMOKE_MODELS } from './models.mjs';
import { findPython, PYTHON_OPTIONS } from './python.mjs';
import { Runner } from './runner.mjs';

/** @typedef {import('#dist/engine/tensor/jit/catalogue.js').KernelSpec} KernelSpec */
/** @typedef {Exclude<KernelSpec, { kind: 'embedding gradient' } | { kind: `half ${string}` }>} PartKernel */

/**
 * A part of a step, and the column it stands in.
 * @typedef {{ title: string, spec: PartKernel }} Part
 */

/** @typedef {{ ms: Record<string, number[]> }} PartsTurn Milliseconds by model, part by part. */

const { values: options } = parseArgs({
  options: { ...BENCH_OPTIONS, ...PYTHON_OPTIONS, rounds: { type: 'string' } },
});
const rounds = wholeNumber('rounds', options.rounds ?? (options.smoke ? '1' : '5'));
const models = options.smoke ? SMOKE_MODELS : MEASURED_MODELS;

/**
 * What each model does with its rows: products by shape, and the rest.
 * @param {import('./models.mjs').Sizes} sizes
 * @returns {Part[]}
 */
function partsOf({ B, T, D, H, F }) {
  const rows = B * T;
  /** @type {(title: string, sizes: [number, number, number], trans?: 'A' | 'B') => Part} */
  const gemm = (title, [m, n, k], trans) => ({
    title,
    spec: {
      kind: 'gemm',
      rows: m,
      columns: n,
      inner: k,
      transA: trans === 'A',
      transB: trans === 'B',
      hasBias: false,
    },
  });
  /** @type {(title: string, kind: 'attention' | 'attention gradient', causal: boolean) => Part} */
  const attention = (title, kind, causal) => ({
    title,
    spec: { kind, batch: B, queries: T, keys: T, heads: H, width: D / H, causal, hasMask: false },
  });
  return [
    gemm('D to D', [rows, D, D]),
    gemm('D to F', [rows, F, D]),
    gemm('F to D', [rows, D, F]),
    gemm('input, D D', [rows, D, D], 'B'),
    gemm('input, D F', [rows, D, F], 'B'),
    gemm('input, F D', [rows, F, D], 'B'),
    gemm('matrix, D D', [D, D, rows], 'A'),
    gemm('matrix, D F', [D, F, rows], 'A'),
    gemm('matrix, F D', [F, D, rows], 'A'),
    { title: 'GELU', spec: { kind: 'gelu', size: rows * F } },
    { title: 'its gradient', spec: { kind: 'gelu gradient', size: rows * F } },
    { title: 'layer norm', spec: { kind: 'layer norm', rows, width: D, epsilon: 1e-5 } },
    { title: 'its gradient', spec: { kind: 'layer norm gradient', rows, width: D } },
    attention('attention', 'attention', false),
    attention('causal', 'attention', true),
    attention('its gradient', 'attention gradient', false),
    attention('causal', 'attention gradient', true),
  ];
}

const missing = missingForKernels();
if (missing !== null) {
  console.log(`bench:parts skipped: the kernels cannot run here (${missing})`);
  process.exit(0);
}
const python = findPython(options);
const parts = Object.entries(models).map(([name, { title, sizes }]) => ({ name, title, list: partsOf(sizes) }));
const asked = (/** @type {(part: Part) => unknown} */ each) =>
  JSON.stringify(Object.fromEntries(parts.map(({ name, list }) => [name, list.map(each)])));
/** @type {Runner<PartsTurn>[]} */
const sides = [new Runner(process.execPath, [join(import.meta.dirname, 'parts-ours.mjs'), asked((part) => part)], 1)];
if (python.path !== undefined)
  sides.push(new Runner(python.path, [join(import.meta.dirname, 'parts-theirs.py'), asked(({ spec }) => spec)], 1));

/**
 * Least milliseconds of all rounds, by side and model, part by part.
 * @type {Map<string, number[]>[]}
 */
const best = sides.map(() => new Map());
try {
  for (const side of sides) await side.start();
  for (let round = 0; round < rounds; round++) {
    for (const [i, side] of sides.entries()) {
      const { ms } = await side.turn(1);
      for (const [name, times] of Object.entries(ms)) {
        const before = best[i]?.get(name);
        best[i]?.set(
          name,
          times.map((time, part) => Math.min(time, before?.[part] ?? Infinity)),
        );
      }
    }
  }
} finally {
  for (const side of sides) await side.stop();
  python.remove();
}

/**
 * @param {string} name
 * @param {number} part
 * @param {PartKernel} spec
 */
const cell = (name, part, spec) =>
  best
    .map((side) => side.get(name)?.[part] ?? Number.NaN)
    .map((ms) =>
      spec.kind === 'gemm' ? ((2e-6 * spec.rows * spec.columns * spec.inner) / ms).toFixed(0) : ms.toPrecision(2),
    )
    .join(' / ');

/** @param {boolean} isProduct */
function table(isProduct) {
  const rows = parts.map(({ name, title, list }) => ({
    title,
    cells: list.flatMap(({ title: head, spec }, part) =>
      (spec.kind === 'gemm') === isProduct ? [{ head, text: cell(name, part, spec) }] : [],
    ),
  }));
  const heads = rows[0]?.cells.map(({ head }) => head) ?? [];
  const lines = rows.map(({ title, cells }) => `| ${title} | ${cells.map(({ text }) => text).join(' | ')} |`);
  return `| | ${heads.join(' | ')} |\n|:--|${'--:|'.repeat(heads.length)}\n${lines.join('\n')}`;
}

const page = `# The parts of a step

Ours${python.path === undefined ? '' : " / PyTorch's"}, on one thread, best of ${rounds} turns by processor time.
Command: \`npm run bench:parts\`; machine: ${machineAndNode()}.

**Matrix products**, GFLOP/s. D is the width, F the MLP; \`input\` and \`matrix\` are the gradients of the rows and of
the matrix that takes them from the first to the second.

${table(true)}

**Everything else**, milliseconds for all rows of a batch.

${table(false)}
`;
console.log(page);
new BenchResults(import.meta.dirname, options).write('PARTS.md', page);
