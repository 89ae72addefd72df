// Results: what stands at the end of a run: the table of results, the breakdown, the sample. Pure text from the summary
// and the events.
import type { RunEvent } from '../../engine/events/events.js';
import type { Summary } from '../../engine/events/summary.js';
import { bytes, clip, count, duration, millis, number, percent, plural } from './format.js';

/** Rows of label and value, aligned. */
export function table(rows: readonly (readonly [label: string, value: string])[], columns: number): string[] {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => clip(`  ${label.padEnd(width)}  ${value}`, columns));
}

export function resultRows(summary: Summary): [string, string][] {
  const { metric, cache, transitions } = summary;
  const looked = cache.hits + cache.misses;
  const hash = (value: string | null): string => (value === null ? '-' : value.slice(0, 16));
  return [
    [summary.status, `${count(summary.steps)} steps, ${count(summary.samplesSeen)} samples`],
    ...(metric === null ? [] : [[`validation ${metric.name}`, number(metric.value)] as [string, string]]),
    ...(summary.best === undefined
      ? []
      : [
          [`best ${summary.best.name}`, `${number(summary.best.value)} at step ${count(summary.best.step)}`] as [
            string,
            string,
          ],
        ]),
    ...(summary.timeToAccuracy === null
      ? []
      : [['time to target', timeToTarget(summary.timeToAccuracy)] as [string, string]]),
    ['training loss', trainingLoss(summary)],
    ['time', `${duration(summary.wallSeconds)}, of it ${duration(summary.trainSeconds)} in steps`],
    ['throughput', summary.samplesPerSecond === null ? '-' : `${number(summary.samplesPerSecond)} samples/s`],
    [
      'transitions',
      transitions.length === 0
        ? 'none'
        : `${transitions.length}, ${duration(transitions.reduce((total, { seconds }) => total + seconds, 0))} in all`,
    ],
    ...(summary.growths === undefined ? [] : [['growth', growthText(summary.growths)] as [string, string]]),
    [
      'cache',
      looked === 0
        ? 'not used'
        : `${percent(cache.hits / looked)} hits of ${count(looked)} look-ups, ${bytes(cache.bytes)}`,
    ],
    ['bubble', `${percent(summary.bubbleShare)} of step time, communication ${percent(summary.commShare)}`],
    ...memoryRow(summary),
    ...(summary.guard === null
      ? []
      : [
          [
            'guard',
            `${looksText(summary.guard)}, ` +
              `${summary.guard.rollbacks} rolled back (${plural(summary.guard.stepsAgain, 'step')} done again)`,
          ] as [string, string],
        ]),
    ...(summary.failures === 0 ? [] : [['lost workers', String(summary.failures)] as [string, string]]),
    ['weights', `sha256 ${hash(summary.weightsSha256)}`],
    ['losses', `sha256 ${hash(summary.lossSha256)}`],
  ];
}

const growthText = (growths: NonNullable<Summary['growths']>): string =>
  growths.map(({ step, fromLayers, toLayers }) => `${fromLayers} -> ${toLayers} layers at step ${step}`).join(', ');

/** The most that each worker needed; only the largest ones where there are many. */
function memoryRow({ peakMemory, peakTogether }: Summary): [string, string][] {
  const workers = Object.entries(peakMemory).sort(([, a], [, b]) => b - a);
  if (workers.length === 0) return [];
  const shown = workers.slice(0, 4).map(([worker, size]) => `${worker} ${bytes(size)}`);
  if (workers.length > 4) shown.push('...');
  return [['peak memory', `${shown.join(', ')}${workers.length > 1 ? `; together ${bytes(peakTogether)}` : ''}`]];
}

/** The last step alone may be of a few samples that are left over. */
function trainingLoss({ finalLoss, lastEpoch }: Summary): string {
  if (finalLoss === null) return '-';
  if (lastEpoch === null || lastEpoch.steps === 1) return finalLoss.toFixed(4);
  const { loss, samplesOfLastStep } = lastEpoch;
  const last = `${finalLoss.toFixed(4)} (${plural(samplesOfLastStep, 'sample')})`;
  return `${loss.toFixed(4)} in the last epoch; last step ${last}`;
}

/** Looks that were whole validations took nothing beside those. */
function looksText({ looks, wholeLooks, seconds }: NonNullable<Summary['guard']>): string {
  if (wholeLooks === looks) return plural(looks, 'whole validation');
  const whole = wholeLooks === 0 ? '' : ` (${count(wholeLooks)} of them at whole validations)`;
  return `${plural(looks, 'look')}${whole} in ${duration(seconds)}`;
}

const timeToTarget = ({ target, seconds, step }: NonNullable<Summary['timeToAccuracy']>): string =>
  seconds === null || step === null
    ? `${number(target)} was not reached`
    : `${number(target)} after ${duration(seconds)} (step ${step})`;

/** The speed of each configuration that was tried, with a bar for the speed-up. */
export function breakdownLines(event: Extract<RunEvent, { type: 'breakdown' }>, columns: number): string[] {
  const best = Math.max(...event.rows.map(({ speedup }) => speedup), 1);
  const name = Math.max(...event.rows.map((row) => row.name.length), 4);
  const head = `  ${''.padEnd(name)}  K x R  step time  speed-up`;
  const room = Math.max(4, Math.min(24, columns - head.length - 2));
  return [
    clip(head, columns),
    ...event.rows.map((row) => {
      const share = Math.round((row.speedup / best) * room);
      const bar = row.isUnchanged === true ? 'the plan of the row above' : '█'.repeat(Math.max(1, share));
      return clip(
        `  ${row.name.padEnd(name)}  ${`${row.K} x ${row.R}`.padStart(5)}  ${millis(row.stepMs).padStart(9)} ` +
          ` ${`${row.speedup.toFixed(2)}x`.padStart(8)}  ${bar}`,
        columns,
      );
    }),
  ];
}
