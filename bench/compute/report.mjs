// The measurements as a page.
import { median } from '../../scripts/lab/statistics.mjs';
import { modelOf } from './models.mjs';

/** @typedef {'pipetrain' | 'workers' | 'PyTorch'} SideName */
/** @typedef {(typeof PARTS)[number]} PartName */

/**
 * What a side has measured for one model and number of threads, round by round.
 * @typedef {object} Side
 * @property {SideName} side
 * @property {string} version
 * @property {number} baseMb Memory of the process before there was a model.
 * @property {number} peakMb
 * @property {Record<PartName, number>[]} turns Milliseconds; NaN where the side cannot tell.
 * @property {number[]} losses
 * @property {string | undefined} adamw
 * @property {string} [policy] How PyTorch's threads wait.
 */

/** @typedef {{ model: string, threads: number, flop: number, sides: Side[] }} Result */
/** @typedef {{ side: string, rates: Record<string, number>[] }} Gemm Products of square matrices, round by round. */

/**
 * All that a run of the benchmark has found, as result.json holds it.
 * @typedef {object} Measurements
 * @property {string} date
 * @property {string} machine
 * @property {boolean} pinned
 * @property {Record<string, string | null>} versions
 * @property {string} command
 * @property {number} rounds
 * @property {number} turnSteps
 * @property {string | null} missing Why there is no PyTorch.
 * @property {Gemm[]} gemm
 * @property {Result[]} results
 */

const PARTS = /** @type {const} */ (['forward', 'backward', 'optimizer', 'step', 'cpu']);
const TABLE_HEAD = `| model | | forward | backward | optimizer | step | CPU | of the peak | peak MB |
|:--|:--|--:|--:|--:|--:|--:|--:|--:|`;
const titleOf = (/** @type {string} */ model) => modelOf(model).title;
const sideOf = (/** @type {readonly Side[]} */ sides, /** @type {SideName} */ name) =>
  sides.find(({ side }) => side === name);

/**
 * The best library and size, rate in GFLOP/s, medians over the rounds.
 * @param {readonly Gemm[]} gemm
 */
export function peakOf(gemm) {
  const all = gemm.flatMap(({ side, rates }) =>
    Object.keys(rates[0] ?? {}).map((n) => ({
      side,
      n: Number(n),
      rate: median(rates.map((round) => round[n] ?? Number.NaN)),
    })),
  );
  return all.sort((a, b) => b.rate - a.rate)[0] ?? null;
}

/** @typedef {ReturnType<typeof peakOf>} Peak */

const SIDE_NAMES = { pipetrain: 'pipetrain', workers: 'pipetrain', PyTorch: 'PyTorch' };

/**
 * @param {Side} side
 * @param {number} threads
 */
const sideName = ({ side }, threads) => {
  if (threads === 1) return SIDE_NAMES[side];
  return side === 'workers'
    ? `pipetrain, ${threads} workers of 1 thread`
    : `${SIDE_NAMES[side]}, 1 process of ${threads} threads`;
};

/**
 * The ratio of a side's times of a part to PyTorch's, round by round, and the median of that.
 * @param {Side} own
 * @param {Side} reference
 * @param {PartName} part
 */
const ratioOf = (own, reference, part) =>
  median(own.turns.map((turn, i) => turn[part] / (reference.turns[i]?.[part] ?? Number.NaN)));

/**
 * The lines of one side: its times, and their ratio to PyTorch's where there are some.
 * @param {Result} result
 * @param {Side} side
 * @param {Peak} peak
 */
function sideLines({ model, threads, flop, sides }, side, peak) {
  const middle = (/** @type {PartName} */ part) => median(side.turns.map((turn) => turn[part]));
  const cell = (/** @type {PartName} */ part) => (Number.isFinite(middle(part)) ? middle(part).toFixed(1) : '');
  const share = peak === null ? '' : `${((100 * flop) / (middle('cpu') * 1e6) / peak.rate).toFixed(0)} %`;
  const memory = `${Math.round(side.peakMb)} (${Math.round(side.baseMb)})`;
  const line = `| ${[titleOf(model), sideName(side, threads), ...PARTS.map(cell), share, memory].join(' | ')} |`;
  const reference = sideOf(sides, 'PyTorch');
  if (reference === undefined || side === reference) return [line];
  const ratio = (/** @type {PartName} */ part) => {
    const value = ratioOf(side, reference, part);
    return Number.isFinite(value) ? `**${value.toFixed(2)}**` : '';
  };
  return [
    line,
    `| | ratio to PyTorch | ${PARTS.map(ratio).join(' | ')} | | ${(side.peakMb / reference.peakMb).toFixed(2)} |`,
  ];
}

/**
 * @param {readonly Result[]} results
 * @param {number} threads
 * @param {Peak} peak
 */
function tableOf(results, threads, peak) {
  const lines = results
    .filter((result) => result.threads === threads)
    .flatMap((result) => result.sides.flatMap((side) => sideLines(result, side, peak)));
  return [TABLE_HEAD, ...lines].join('\n');
}

/**
 * Median over the models of the ratio of a side's step to PyTorch's, and the worst of them; null without PyTorch.
 * @param {readonly Result[]} results
 * @param {number} threads
 * @param {SideName} name
 */
export function summaryOf(results, threads, name) {
  const ratios = results
    .filter((result) => result.threads === threads)
    .flatMap(({ model, sides }) => {
      const [own, reference] = [sideOf(sides, name), sideOf(sides, 'PyTorch')];
      return own === undefined || reference === undefined ? [] : [{ model, ratio: ratioOf(own, reference, 'step') }];
    })
    .sort((a, b) => a.ratio - b.ratio);
  const worst = ratios.at(-1);
  if (worst === undefined) return null;
  const at = (/** @type {number} */ place) => ratios[place]?.ratio ?? Number.NaN;
  const middle = (at(Math.floor((ratios.length - 1) / 2)) + at(Math.ceil((ratios.length - 1) / 2))) / 2;
  return `${middle.toFixed(2)} (worst: ${worst.ratio.toFixed(2)}, ${titleOf(worst.model)})`;
}

/**
 * Largest relative difference between the losses of a side and PyTorch's, over all rounds; null without PyTorch.
 * @param {readonly Result[]} results
 */
function lossDifference(results) {
  const differences = results.flatMap(({ sides }) => {
    const reference = sideOf(sides, 'PyTorch');
    if (reference === undefined) return [];
    return sides.flatMap(({ losses }) =>
      losses.map((loss, i) => {
        const theirs = reference.losses[i] ?? Number.NaN;
        return Math.abs(loss - theirs) / Math.abs(theirs);
      }),
    );
  });
  return differences.length === 0 ? null : Math.max(...differences);
}

/** @param {Result} result */
const modelRow = ({ model, flop }) => {
  const {
    text,
    sizes: { B, T, D, H, F, L },
  } = modelOf(model);
  return `| ${[titleOf(model), L, D, H, F, `${B} x ${T}`, (flop / 1e9).toFixed(1), text].join(' | ')} |`;
};

/**
 * @param {readonly Result[]} results
 * @param {readonly number[]} threadCounts
 */
function summaryLines(results, threadCounts) {
  return threadCounts.flatMap((threads) => {
    /** @type {[SideName, string][]} */
    const sides =
      threads === 1
        ? [['pipetrain', '1 thread']]
        : [
            ['workers', `${threads} threads as workers`],
            ['pipetrain', `${threads} threads in one process`],
          ];
    return sides.flatMap(([side, label]) => {
      const text = summaryOf(results, threads, side);
      return text === null ? [] : [`* ${label}: step ${text} times PyTorch's, median over the models`];
    });
  });
}

/** @param {NonNullable<Peak>} peak */
const peakNote = ({ rate, side, n }) => `* The peak is ${rate.toFixed(0)} GFLOP/s on one thread: the best product of two
  square matrices (2 n^3 operations; n = 1024, 1536, 2048) of either library in the same run, here ${side} at n = ${n}.
  A step's share is its matrix products divided by its processor time and by the peak. Its products: 6 x rows x inputs x
  outputs for each matrix, 12 x batch x T x T x width for attention (all of it, also where a causal mask hides half),
  and a third less where the data are the input. What else a step does counts as time and not as work.`;

/** @param {readonly Result[]} results */
function pytorchNote(results) {
  const adamw = [...new Set(results.flatMap(({ sides }) => sides.flatMap((side) => side.adamw ?? [])))];
  const policies = results.flatMap(({ model, threads, sides }) =>
    sides.flatMap(({ policy }) => (policy !== undefined && threads > 1 ? [`${titleOf(model)} ${policy}`] : [])),
  );
  return (
    '* PyTorch runs in eager mode with `scaled_dot_product_attention`, one product for q, k and v, fused cross\n' +
    `  entropy and the quicker AdamW${adamw.length > 0 ? ` (${adamw.join(', ')})` : ''}.` +
    (policies.length === 0
      ? ''
      : `\n  Of \`OMP_WAIT_POLICY\` active and passive the quicker one is taken: ${policies.join(', ')}.`)
  );
}

/** @param {Measurements} record */
function readingNotes({ results, gemm, versions, rounds, turnSteps, machine, pinned, command, date }) {
  const peak = peakOf(gemm);
  const difference = lossDifference(results);
  const known = Object.entries(versions).flatMap(([program, version]) =>
    version === null ? [] : [`${program} ${version}`],
  );
  return [
    `* Milliseconds of wall clock, and of processor in the column CPU: the median over ${rounds} rounds. In a round each
  side takes ${turnSteps} steps, of which the first is dropped, and the median of the rest counts. A ratio is ours
  divided by PyTorch's, round by round, and the median of that: below 1 is faster.`,
    ...(peak === null ? [] : [peakNote(peak)]),
    `* Memory is the peak of the whole process, of all workers together; in brackets what it is before there is a model.
* Several workers: whole steps of data-parallel workers, each pinned to one core, over the same batch: micro-batches,
  the exact reduction of the gradients in shared memory, their norms, a coordinator's commit, the update. It is how
  \`pipetrain train --devices cpu:2\` uses two cores.`,
    pytorchNote(results),
    ...(difference === null
      ? []
      : [
          `* The same maths: the losses of all sides differ by at most ${difference.toExponential(1)} (relative) ` +
            'over the whole run.',
        ]),
    `* Machine: ${machine}${pinned ? '; all sides pinned to the same cores' : ''}`,
    `* Versions: ${known.join(', ')}`,
    `* Command: \`${command}\`; ${date}; the numbers of every round are in [result.json](result.json)`,
  ].join('\n');
}

/**
 * The page; `notes` are written by hand.
 * @param {Measurements} record
 * @param {string} notes
 */
export function describe(record, notes) {
  const { results, gemm, missing } = record;
  const peak = peakOf(gemm);
  const threadCounts = [...new Set(results.map(({ threads }) => threads))];
  const firstOfEach = results.filter(({ model }, i) => results.findIndex((one) => one.model === model) === i);
  const tables = threadCounts.map(
    (threads) => `## ${threads} thread${threads === 1 ? '' : 's'}\n\n${tableOf(results, threads, peak)}`,
  );
  return `# Training steps, side by side

Whole steps of ${firstOfEach.length} transformers in 32-bit floats on the processor: forward, backward, AdamW. Both
sides start from the same parameters and train on the same batch, and pre-norm, exact GELU, the loss, the settings of
AdamW and the mask are the same; no dropout, no clipping.
${missing === null ? '' : `\n**PyTorch could not be had: ${missing}. Only our own times are below.**\n`}
| model | layers | width | heads | MLP | batch | GFLOP | |
|:--|--:|--:|--:|--:|--:|--:|:--|
${firstOfEach.map(modelRow).join('\n')}

${summaryLines(results, threadCounts).join('\n')}

${tables.join('\n\n')}

## How to read it

${readingNotes(record)}
${notes === '' ? '' : `\n${notes}`}`;
}
