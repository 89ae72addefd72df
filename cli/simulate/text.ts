// Texts of `pipetrain simulate`: a simulated run epoch by epoch, the comparison, the sweep over alpha. Pure text.
import type { SimulatedComparison } from '../../engine/simulate/comparison.js';
import { NOT_MODELLED, type SimulatedRun } from '../../engine/simulate/simulator.js';
import { scheduleName } from '../../pipeline/schedules/registry.js';
import { bytes, count, duration, millis, percent, plural, rate, wrap } from '../text/format.js';
import { textColumns } from '../text/text-columns.js';
import type { SimulateOptions } from './options.js';

/** The published figures for ViT-B/16 on the machines of the paper (Fig. 9 and 10). */
export const PUBLISHED = {
  withoutCache: 2.27,
  byAlpha: [
    { alpha: '1/5', speedup: 2.04 },
    { alpha: '1/4', speedup: 2.44 },
    { alpha: '1/3', speedup: 2.83 },
    { alpha: '2/5', speedup: 3.29 },
    { alpha: '1/2', speedup: 3.86 },
  ],
} as const;

const times = (value: number): string => `${value.toFixed(2)}x`;

export function headLines(
  { model, hardware, epochs, samples, batch, microBatch }: SimulateOptions,
  columns: number,
): string[] {
  const data = samples === model.samples ? `${model.data}, ` : '';
  return [
    `${model.description} on ${hardware.description}`,
    `${data}${plural(samples, 'sample')}, ${plural(epochs, 'epoch')}; ${count(batch)} samples a step at the ` +
      `start, micro-batches of ${microBatch} (pipetrain)`,
  ].flatMap((line) => wrap(line, columns, 2));
}

/** Equal epochs in a row are one line. */
export function runLines(run: SimulatedRun, columns: number): string[] {
  const grows = run.epochs.some(({ layers }) => layers !== run.epochs[0]?.layers);
  const rows = run.epochs.map((epoch) => [
    ...(grows ? [`${epoch.layers}`] : []),
    `${epoch.frozenLayers}`,
    `${epoch.K} x ${epoch.R}`,
    blocksText(epoch.blocksPerStage),
    `${scheduleName(epoch.schedule)} ${epoch.micros}`,
    millis(epoch.stepMs),
    percent(epoch.bubble),
    rate(epoch.samplesPerSecond),
    bytes(Math.max(...epoch.memoryPerWorker)),
    epoch.cache,
    duration(epoch.seconds),
    epoch.transitionSeconds === 0 ? '-' : duration(epoch.transitionSeconds),
  ]);
  const lines = rows.flatMap((row, e) => {
    if (e > 0 && row.join() === rows[e - 1]?.join()) return [];
    const next = rows.findIndex((other, o) => o > e && other.join() !== row.join());
    const last = (next < 0 ? rows.length : next) - 1;
    return [[last === e ? `${e}` : `${e}-${last}`, ...row]];
  });
  const heading = [
    'epoch',
    ...(grows ? ['layers'] : []),
    'frozen',
    'K x R',
    'blocks',
    'schedule M',
    'step',
    'bubble',
    'samples/s',
    'memory',
    'cache',
    'epoch time',
    'change',
  ];
  const memory = run.exceedsMemory ? ['A stage needs more memory than a device has.'] : [];
  return [...textColumns([heading, ...lines], columns), ...memory].map((line) => `  ${line}`);
}

/** 4,2,3 but 16x3 where there would be many. */
function blocksText(counts: readonly number[]): string {
  const groups: { size: number; times: number }[] = [];
  for (const size of counts) {
    const last = groups.at(-1);
    if (last?.size === size) last.times++;
    else groups.push({ size, times: 1 });
  }
  return groups
    .map(({ size, times: n }) => (n > 3 ? `${n}x${size}` : Array.from({ length: n }, () => size).join(',')))
    .join(',');
}

export function comparisonLines(
  { variants, weakBaseline, ownGain }: SimulatedComparison,
  options: SimulateOptions,
  columns: number,
): string[] {
  const rows = variants.map(({ name, run, speedup, speedupWithTransitions }) => [
    name,
    duration(run.computeSeconds),
    run.transitionSeconds === 0 ? '-' : duration(run.transitionSeconds),
    rate(run.samplesPerSecond),
    times(speedup),
    times(speedupWithTransitions),
  ]);
  const best = weakBaseline * ownGain;
  return [
    ...textColumns([['', 'in steps', 'changes', 'samples/s', 'speed-up', 'with changes'], ...rows], columns - 2).map(
      (line) => `  ${line}`,
    ),
    '',
    ...wrap(
      `Of the ${times(best)} of pipetrain, ${times(weakBaseline)} is only the baseline: data parallelism ` +
        `without freezing against a pipeline of ${variants[0]?.run.epochs[0]?.K ?? 0} stages. Over that data ` +
        `parallelism pipetrain is ${times(ownGain)}.`,
      columns,
      0,
    ),
    ...(isPaper(options)
      ? wrap(
          `Published for these machines: ${times(PUBLISHED.withoutCache)} without cache (Fig. 9), ` +
            `${times(2.83)} with it at alpha 1/3.`,
          columns,
          0,
        )
      : []),
  ];
}

/** One line per alpha; the published column stands only where it applies. */
export function sweepLines(
  sweep: readonly { readonly alpha: string; readonly comparison: SimulatedComparison }[],
  options: SimulateOptions,
  columns: number,
): string[] {
  const names = sweep[0]?.comparison.variants.slice(2).map(({ name }) => name) ?? [];
  const showsPublished = isPaper(options);
  const rows = sweep.map(({ alpha, comparison }) => [
    alpha,
    ...comparison.variants.slice(2).map(({ speedup }) => times(speedup)),
    ...(showsPublished
      ? [times(PUBLISHED.byAlpha.find((published) => published.alpha === alpha)?.speedup ?? Number.NaN)]
      : []),
  ]);
  return textColumns([['alpha', ...names, ...(showsPublished ? ['published, cache'] : [])], ...rows], columns - 2).map(
    (line) => `  ${line}`,
  );
}

export const isPaper = ({ model, hardware, samples, epochs }: SimulateOptions): boolean =>
  model.name === 'vit-b16' &&
  hardware.name === 'paper' &&
  hardware.machines === 2 &&
  hardware.perMachine === 8 &&
  samples === model.samples &&
  epochs === model.epochs;

export const notModelledLines = (columns: number): string[] => [
  'Not modelled:',
  ...NOT_MODELLED.flatMap((line) => wrap(`  - ${line}`, columns, 4)),
];
