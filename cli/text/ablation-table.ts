// The table of an ablation, for the terminal and as Markdown. Pure text; the numbers are made in
// engine/ablation/ablation.ts.
import type { Ablation, AblationRow } from '../../engine/ablation/ablation.js';
import { harmlessLine } from '../../engine/core/harmless-text.js';
import type { Shape } from '../../engine/events/summary.js';
import { duration, number, percent } from './format.js';
import { textColumns } from './text-columns.js';

const shape = (one: Shape | null | undefined): string =>
  one === null || one === undefined ? '-' : `${one.K}x${one.R}`;
const times = (value: number | null): string => (value === null ? '-' : `${value.toFixed(2)}x`);

/** K x R at the first and the last step, of the first seed. */
function shapes({ runs: [run] }: AblationRow): string {
  const [from, to] = [shape(run?.first), shape(run?.last)];
  return from === to ? from : `${from} > ${to}`;
}

function reached({ secondsToTarget, numReached, runs }: AblationRow): string {
  if (secondsToTarget !== null) return duration(secondsToTarget);
  return numReached === 0 ? '-' : `- (${numReached} of ${runs.length})`;
}

const metric = ({ metric: value, metricSpread, runs }: AblationRow): string =>
  value === null ? '-' : `${number(value)}${runs.length > 1 ? ` ±${number(metricSpread, 2)}` : ''}`;

/** `Other` of the table: what is not in the columns before it, so that they add up to 100 %. */
const rest = ({ shares }: AblationRow): number => shares.validation + shares.other;

type Column = readonly [heading: string, of: (row: AblationRow) => string];

const resultColumns = ({ metricName }: Ablation): Column[] => [
  ['case', ({ title }) => title],
  ['K x R', shapes],
  ['frozen', ({ runs: [run] }) => String(run?.frozenLayers ?? 0)],
  [metricName, metric],
  ['wall', ({ wallSeconds }) => duration(wallSeconds)],
  ['speed-up', ({ speedup }) => times(speedup.wall)],
  ['to target', reached],
  ['speed-up', ({ speedup }) => times(speedup.toTarget)],
  ['over best', ({ overBest }) => times(overBest.toTarget)],
];

const SHARE_COLUMNS: readonly Column[] = [
  ['compute', ({ shares }) => percent(shares.compute)],
  ['comm.', ({ shares }) => percent(shares.communication)],
  ['bubble', ({ shares }) => percent(shares.bubble)],
  ['cache', ({ shares }) => percent(shares.cache)],
  ['trans.', ({ shares }) => percent(shares.transition)],
  ['start', ({ shares }) => percent(shares.start)],
  ['other', (row) => percent(rest(row))],
];

const cells = (columns: readonly Column[], rows: readonly AblationRow[]): string[][] => [
  columns.map(([heading]) => heading),
  ...rows.map((row) => columns.map(([, of]) => of(row))),
];

/** One table, or two below each other where a line has no room for all columns. */
export function ablationLines(ablation: Ablation, width: number): string[] {
  const results = resultColumns(ablation);
  const whole = textColumns(cells([...results, ...SHARE_COLUMNS], ablation.rows), Number.MAX_SAFE_INTEGER);
  if (whole.every((line) => line.length <= width)) return whole;
  return [
    ...textColumns(cells(results, ablation.rows), width),
    '',
    ...textColumns(cells([...results.slice(0, 1), ...SHARE_COLUMNS], ablation.rows), width),
  ];
}

/** What the columns mean, one sentence each. */
export function ablationNotes({ target, metricName, higherIsBetter, seeds, sameBits }: Ablation): string[] {
  const less = higherIsBetter ? 'less 0.3 points' : 'plus 0.3 %';
  const goal =
    target === null
      ? `the final ${metricName} of the same seed without freezing, ${less}`
      : `${metricName} ${number(target)}`;
  const bits = (what: string, agrees: boolean | null): string[] =>
    agrees === null
      ? []
      : [`The rows ${what} freezing ended with ${agrees ? 'the same weights, bit for bit' : 'different weights'}.`];
  return [
    `${seeds.length === 1 ? `Seed ${seeds.join('')}` : `Means over the seeds ${seeds.join(', ')}`}. K x R ` +
      '(stages x replicas) at the first and the last step, layers frozen at the end.',
    'Wall clock from the start of the run to its end: start of the workers, measured costs, compilation, ' +
      'transitions, every validation, last checkpoint.',
    `To target: wall clock until a whole validation first reached ${goal}; validations are at the same steps ` +
      'in every row and count for all.',
    'Speed-ups are against the first row (GPipe); "over best" is against the best plan without freezing, to ' +
      'the target.',
    'Shares of the wall clock: of the workers that had a seat inside steps; start is the time until the ' +
      'first step; other is validation, checkpoints and round trips. They add up to 100 %.',
    ...bits('without', sameBits.unfrozen),
    ...bits('with', sameBits.frozen),
  ];
}

/** Text as Markdown shows it: on one line, and no link, image, tag or table of its own. */
export const markdownText = (text: string): string => harmlessLine(text).replace(/[\\`*_[\]<>|~]/g, '\\$&');

/** The same as a Markdown table with its notes. */
export function ablationMarkdown(ablation: Ablation): string {
  const columns = [...resultColumns(ablation), ...SHARE_COLUMNS];
  const line = (texts: readonly string[]): string => `| ${texts.map(markdownText).join(' | ')} |`;
  const [head = [], ...rows] = cells(columns, ablation.rows);
  return [
    line(head),
    `| ${columns.map((_, i) => (i === 0 ? ':--' : '--:')).join(' | ')} |`,
    ...rows.map(line),
    '',
    ...ablationNotes(ablation).map((note) => `- ${markdownText(note)}`),
    '',
  ].join('\n');
}
