// The parts of a training step alone, ours and PyTorch's in turns, on one pinned core: matrix products in GFLOP/s of
// processor time, everything else in milliseconds of it; the best of several repetitions. Prints tables and writes them
// to PARTS.md beside this file. Usage: node bench/compute/parts.mjs [--python PATH | --venv FOLDER] [--rounds N]
// [--no-write]
import { writeFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MODELS } from './models.mjs';
import { findPython } from './python.mjs';
import { Runner } from './runner.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    python: { type: 'string' },
    venv: { type: 'string', default: process.env.PIPETRAIN_BENCH_VENV },
    'no-write': { type: 'boolean', default: false },
  },
});

/** What each model does with its rows: products by shape, and the rest. */
const partsOf = ({ B, T, D, H, F }) => {
  const rows = B * T;
  const gemm = (title, spec) => ({ title, kind: 'gemm', transA: false, transB: false, ...spec });
  return [
    gemm('D to D', { rows, columns: D, inner: D }),
    gemm('D to F', { rows, columns: F, inner: D }),
    gemm('F to D', { rows, columns: D, inner: F }),
    gemm('input, D D', { rows, columns: D, inner: D, transB: true }),
    gemm('input, D F', { rows, columns: D, inner: F, transB: true }),
    gemm('input, F D', { rows, columns: F, inner: D, transB: true }),
    gemm('matrix, D D', { rows: D, columns: D, inner: rows, transA: true }),
    gemm('matrix, D F', { rows: D, columns: F, inner: rows, transA: true }),
    gemm('matrix, F D', { rows: F, columns: D, inner: rows, transA: true }),
    { title: 'GELU', kind: 'gelu', size: rows * F },
    { title: 'its gradient', kind: 'gelu gradient', size: rows * F },
    { title: 'layer norm', kind: 'layer norm', rows, width: D, epsilon: 1e-5 },
    { title: 'its gradient', kind: 'layer norm gradient', rows, width: D },
    {
      title: 'attention',
      kind: 'attention',
      batch: B,
      queries: T,
      keys: T,
      heads: H,
      width: D / H,
      causal: false,
      hasMask: false,
    },
    {
      title: 'causal',
      kind: 'attention',
      batch: B,
      queries: T,
      keys: T,
      heads: H,
      width: D / H,
      causal: true,
      hasMask: false,
    },
    {
      title: 'its gradient',
      kind: 'attention gradient',
      batch: B,
      queries: T,
      keys: T,
      heads: H,
      width: D / H,
      causal: false,
      hasMask: false,
    },
    {
      title: 'causal',
      kind: 'attention gradient',
      batch: B,
      queries: T,
      keys: T,
      heads: H,
      width: D / H,
      causal: true,
      hasMask: false,
    },
  ];
};

const python = findPython({ python: options.python, folder: options.venv });
if (python.path === undefined) console.error(`PyTorch cannot be had: ${python.reason}. Only our own side is measured.`);
const text = JSON.stringify(
  Object.fromEntries(Object.entries(MODELS).map(([name, { sizes }]) => [name, partsOf(sizes)])),
);
const sides = [new Runner(process.execPath, [join(here, 'parts-ours.mjs'), text], 1)];
if (python.path !== undefined) sides.push(new Runner(python.path, [join(here, 'parts-theirs.py'), text], 1));
const best = sides.map(() => ({}));
try {
  for (const side of sides) await side.start();
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [i, side] of sides.entries()) {
      const { ms } = await side.turn(1);
      for (const [name, times] of Object.entries(ms))
        best[i][name] = times.map((time, part) => Math.min(time, best[i][name]?.[part] ?? Infinity));
    }
  }
} finally {
  for (const side of sides) await side.stop();
  python.remove();
}

const cell = (name, part, spec) =>
  best
    .map((side) =>
      spec.kind === 'gemm'
        ? ((2e-6 * spec.rows * spec.columns * spec.inner) / side[name][part]).toFixed(0)
        : side[name][part].toPrecision(2),
    )
    .join(' / ');
const table = (isProduct) => {
  const specs = Object.values(MODELS).map(({ sizes }) => partsOf(sizes));
  const columns = specs[0]
    .map((spec, part) => ({ spec, part }))
    .filter(({ spec }) => (spec.kind === 'gemm') === isProduct);
  const lines = Object.entries(MODELS).map(
    ([name, { title }], m) =>
      `| ${title} | ${columns.map(({ part }) => cell(name, part, specs[m][part])).join(' | ')} |`,
  );
  return (
    `| | ${columns.map(({ spec }) => spec.title).join(' | ')} ` +
    `|\n|:--|${'--:|'.repeat(columns.length)}\n${lines.join('\n')}`
  );
};
const page = `# The parts of a step

Ours${python.path === undefined ? '' : " / PyTorch's"}, on one thread, best of ${options.rounds} turns by processor time. Command: \`npm run bench:parts\`; machine: ${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${type()} ${release()}, Node ${process.version}.

**Matrix products**, GFLOP/s. D is the width, F the MLP; \`input\` and \`matrix\` are the gradients of the rows and of the matrix that takes them from the first to the second.

${table(true)}

**Everything else**, milliseconds for all rows of a batch.

${table(false)}
`;
console.log(page);
if (!options['no-write']) writeFileSync(join(here, 'PARTS.md'), page);
