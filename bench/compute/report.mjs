// The measurements as a page.
import { MODELS } from './models.mjs';

export const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const PARTS = ['forward', 'backward', 'optimizer', 'step', 'cpu'];
const titleOf = (model) => MODELS[model].title;

/** The best library and size: {side, n, rate} in GFLOP/s, medians over the rounds. */
export function peakOf(gemm) {
  const all = gemm.flatMap(({ side, rates }) =>
    rates.length === 0
      ? []
      : Object.keys(rates[0]).map((n) => ({ side, n: Number(n), rate: median(rates.map((round) => round[n])) })),
  );
  return all.length === 0 ? null : all.sort((a, b) => b.rate - a.rate)[0];
}

const SIDE_NAMES = { pipetrain: 'pipetrain', workers: 'pipetrain', PyTorch: 'PyTorch' };
const sideName = ({ side }, threads) => {
  if (threads === 1) return SIDE_NAMES[side];
  return side === 'workers'
    ? `pipetrain, ${threads} workers of 1 thread`
    : `${SIDE_NAMES[side]}, 1 process of ${threads} threads`;
};

function tableOf(results, threads, peak) {
  const head = [
    '| model | | forward | backward | optimizer | step | CPU | of the peak | peak MB |',
    '|:--|:--|--:|--:|--:|--:|--:|--:|--:|',
  ];
  const lines = results
    .filter((result) => result.threads === threads)
    .flatMap(({ model, flop, sides }) => {
      const reference = sides.find(({ side }) => side === 'PyTorch');
      return sides.flatMap((side) => {
        const middle = Object.fromEntries(PARTS.map((part) => [part, median(side.turns.map((turn) => turn[part]))]));
        const cell = (part) => (Number.isFinite(middle[part]) ? middle[part].toFixed(1) : '');
        const share = peak === null ? '' : `${((100 * flop) / (middle.cpu * 1e6) / peak.rate).toFixed(0)} %`;
        const line =
          '| ' +
          `${[titleOf(model), sideName(side, threads), ...PARTS.map(cell), share, `${Math.round(side.peakMb)} (${Math.round(side.baseMb)})`].join(' | ')} ` +
          '|';
        if (reference === undefined || side === reference) return [line];
        const ratio = (part) => {
          const value = median(side.turns.map((turn, i) => turn[part] / reference.turns[i][part]));
          return Number.isFinite(value) ? `**${value.toFixed(2)}**` : '';
        };
        return [
          line,
          `| | ratio to PyTorch | ${PARTS.map(ratio).join(' | ')} | | ${(side.peakMb / reference.peakMb).toFixed(2)} |`,
        ];
      });
    });
  return [...head, ...lines].join('\n');
}

/** Median over the models of the ratio of a side's step to PyTorch's, and the worst of them. */
export function summaryOf(results, threads, name) {
  const ratios = results
    .filter((result) => result.threads === threads)
    .flatMap(({ model, sides }) => {
      const [own, reference] = [sides.find(({ side }) => side === name), sides.find(({ side }) => side === 'PyTorch')];
      if (own === undefined || reference === undefined) return [];
      return [{ model, ratio: median(own.turns.map((turn, i) => turn.step / reference.turns[i].step)) }];
    });
  if (ratios.length === 0) return null;
  const sorted = ratios.map(({ ratio }) => ratio).sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  const worst = ratios.toSorted((a, b) => b.ratio - a.ratio)[0];
  return `${((low + high) / 2).toFixed(2)} (worst: ${worst.ratio.toFixed(2)}, ${titleOf(worst.model)})`;
}

/** Largest relative difference between the losses of a side and PyTorch's, over all rounds. */
function lossDifference(results) {
  const differences = results.flatMap(({ sides }) => {
    const reference = sides.find(({ side }) => side === 'PyTorch');
    if (reference === undefined) return [];
    return sides.flatMap((side) =>
      side.losses.map((loss, i) => Math.abs(loss - reference.losses[i]) / Math.abs(reference.losses[i])),
    );
  });
  return differences.length === 0 ? null : Math.max(...differences);
}

const modelRow = (model, results) => {
  const {
    text,
    sizes: { B, T, D, H, F, L },
  } = MODELS[model];
  const { flop } = results.find((result) => result.model === model);
  return `| ${[titleOf(model), L, D, H, F, `${B} x ${T}`, (flop / 1e9).toFixed(1), text].join(' | ')} |`;
};

export function describe(record, notes) {
  const { results, gemm, versions, rounds, turnSteps } = record;
  const peak = peakOf(gemm);
  const models = [...new Set(results.map(({ model }) => model))];
  const threadCounts = [...new Set(results.map(({ threads }) => threads))];
  const difference = lossDifference(results);
  const policies = results.flatMap(({ model, threads, sides }) =>
    sides
      .filter(({ policy }) => policy !== undefined && threads > 1)
      .map(({ policy }) => `${titleOf(model)} ${policy}`),
  );
  const adamw = [...new Set(results.flatMap(({ sides }) => sides.flatMap((side) => side.adamw ?? [])))];
  const summaries = threadCounts.flatMap((threads) =>
    (threads === 1
      ? [['pipetrain', '1 thread']]
      : [
          ['workers', `${threads} threads as workers`],
          ['pipetrain', `${threads} threads in one process`],
        ]
    ).flatMap(([side, label]) => {
      const text = summaryOf(results, threads, side);
      return text === null ? [] : [`* ${label}: step ${text} times PyTorch's, median over the models`];
    }),
  );
  return `# Training steps, side by side

Whole steps of four transformers in 32-bit floats on the processor: forward, backward, AdamW. Both sides start from the same parameters and
train on the same batch, and pre-norm, exact GELU, the loss, the settings of AdamW and the mask are the same; no dropout, no clipping.
${record.missing === null ? '' : `\n**PyTorch could not be had: ${record.missing}. Only our own times are below.**\n`}
| model | layers | width | heads | MLP | batch | GFLOP | |
|:--|--:|--:|--:|--:|--:|--:|:--|
${models.map((model) => modelRow(model, results)).join('\n')}

${summaries.join('\n')}

${threadCounts.map((threads) => `## ${threads} thread${threads === 1 ? '' : 's'}\n\n${tableOf(results, threads, peak)}`).join('\n\n')}

## How to read it

* Milliseconds of wall clock, and of processor in the column CPU: the median over ${rounds} rounds. In a round each side takes ${turnSteps} steps, of which the
  first is dropped, and the median of the rest counts. A ratio is ours divided by PyTorch's, round by round, and the median of that: below 1 is faster.
${
  peak === null
    ? ''
    : `* The peak is ${peak.rate.toFixed(0)} GFLOP/s on one thread: the best product of two square matrices (2 n^3 operations; n = 1024, 1536, 2048) of either library in the same
  run, here ${peak.side} at n = ${peak.n}. A step's share is its matrix products divided by its processor time and by the peak. Its products: 6 x rows x
  inputs x outputs for each matrix, 12 x batch x T x T x width for attention (all of it, also where a causal mask hides half), and a third less where
  the data are the input. What else a step does counts as time and not as work.
`
}* Memory is the peak of the whole process, of all workers together; in brackets what it is before there is a model.
* Several workers: whole steps of data-parallel workers, each pinned to one core, over the same batch: micro-batches, the exact reduction of the
  gradients in shared memory, their norms, a coordinator's commit, the update. It is how \`pipetrain train --devices cpu:2\` uses two cores.
* PyTorch runs in eager mode with \`scaled_dot_product_attention\`, one product for q, k and v, fused cross entropy and the quicker AdamW${adamw.length > 0 ? ` (${adamw.join(', ')})` : ''}.${
    policies.length === 0
      ? ''
      : `
  Of \`OMP_WAIT_POLICY\` active and passive the quicker one is taken: ${policies.join(', ')}.`
  }
${
  difference === null
    ? ''
    : `* The same maths: the losses of all sides differ by at most ${difference.toExponential(1)} (relative) over ` +
      `the whole run.\n`
}* Machine: ${record.machine}${record.pinned ? '; all sides pinned to the same cores' : ''}
* Versions: ${Object.entries(versions)
    .filter(([, version]) => version !== null)
    .map(([program, version]) => `${program} ${version}`)
    .join(', ')}
* Command: \`${record.command}\`; ${record.date}; the numbers of every round are in [result.json](result.json)
${notes === '' ? '' : `\n${notes}`}`;
}
