// compareRuns: two runs side by side, as lines of text and a verdict. Pure; the command reads the folders.
import { effectiveSteps, type Events } from '../../engine/events/steps-that-count.js';
import { summarize, type Summary } from '../../engine/events/summary.js';
import { clip, count, duration, number, percent } from './format.js';

export interface NamedRun {
  readonly name: string;
  readonly events: Events;
}

/** Equal means: both runs have fingerprints, and both fingerprints are the same. */
export function compareRuns(
  a: NamedRun,
  b: NamedRun,
): { readonly lines: readonly string[]; readonly isEqual: boolean } {
  const [left, right] = [summarize(a.events), summarize(b.events)];
  const rows: [string, (summary: Summary) => string][] = [
    ['status', ({ status }) => status],
    ['model', ({ model }) => model ?? '-'],
    ['data', ({ data }) => data ?? '-'],
    ['steps', ({ steps }) => count(steps)],
    ['final loss', ({ finalLoss }) => (finalLoss === null ? '-' : String(Math.fround(finalLoss)))],
    ['validation', ({ metric }) => (metric === null ? '-' : `${metric.name} ${metric.value}`)],
    [
      'time to target',
      ({ timeToAccuracy: reached }) =>
        reached === null
          ? '-'
          : reached.seconds === null
            ? `${number(reached.target)}: never`
            : `${number(reached.target)}: ${duration(reached.seconds)}`,
    ],
    ['time', ({ wallSeconds }) => duration(wallSeconds)],
    ['time in steps', ({ trainSeconds }) => duration(trainSeconds)],
    ['samples/s', ({ samplesPerSecond }) => (samplesPerSecond === null ? '-' : number(samplesPerSecond))],
    ['transitions', ({ transitions }) => String(transitions.length)],
    [
      'cache hits',
      ({ cache }) => (cache.hits + cache.misses === 0 ? '-' : percent(cache.hits / (cache.hits + cache.misses))),
    ],
    ['bubble', ({ bubbleShare }) => percent(bubbleShare)],
    ['lost workers', ({ failures }) => String(failures)],
    ['weights', ({ weightsSha256 }) => weightsSha256?.slice(0, 16) ?? '-'],
    ['losses', ({ lossSha256 }) => lossSha256?.slice(0, 16) ?? '-'],
  ];
  const width = 26;
  const line = (label: string, one: string, two: string): string =>
    `${label.padEnd(14)} ${clip(one, width).padEnd(width)}  ${clip(two, width)}`.trimEnd();
  const isEqual =
    left.weightsSha256 !== null &&
    left.weightsSha256 === right.weightsSha256 &&
    left.lossSha256 !== null &&
    left.lossSha256 === right.lossSha256;
  return {
    lines: [
      line('', tail(a.name, width), tail(b.name, width)),
      ...rows.map(([label, of]) => line(label, of(left), of(right))),
      '',
      ...verdict(left, right, a, b, isEqual),
    ],
    isEqual,
  };
}

/** The end of a path says more than its beginning. */
const tail = (path: string, width: number): string => (path.length <= width ? path : `…${path.slice(1 - width)}`);

function verdict(left: Summary, right: Summary, a: NamedRun, b: NamedRun, isEqual: boolean): string[] {
  const faster = slower(left, right);
  if (isEqual) return ['Equal: the same weights and the same loss in every step, bit for bit.', ...faster];
  if (left.weightsSha256 === null || right.weightsSha256 === null)
    return [
      `Not comparable: ${left.weightsSha256 === null ? 'A' : 'B'} did not finish and has no fingerprint.`,
      ...firstDifference(a, b),
    ];
  return ['Different.', ...firstDifference(a, b), ...faster];
}

/** How long B took against A: in all its steps, or where they did not train on equally much, per sample. */
function slower(left: Summary, right: Summary): string[] {
  if (!(left.trainSeconds > 0 && right.trainSeconds > 0)) return [];
  if (left.steps === right.steps && left.samplesSeen === right.samplesSeen)
    return [`B took ${(right.trainSeconds / left.trainSeconds).toFixed(2)} times as long as A in steps.`];
  const [one, two] = [left.trainSeconds / left.samplesSeen, right.trainSeconds / right.samplesSeen];
  return [`A sample took B ${(two / one).toFixed(2)} times as long as A in steps; the runs have not equally many.`];
}

/** Goes through both runs side by side. */
function firstDifference(a: NamedRun, b: NamedRun): string[] {
  const [left, right] = [effectiveSteps(a.events), effectiveSteps(b.events)];
  let [one, two] = [left.next(), right.next()];
  let common = 0;
  while (one.done !== true && two.done !== true) {
    const [mine, other] = [one.value, two.value];
    if (mine.step === other.step) {
      if (mine.loss !== other.loss)
        return [`The loss differs first at step ${mine.step}: ${mine.loss} and ${other.loss}.`];
      common++;
    }
    if (mine.step <= other.step) one = left.next();
    if (other.step <= mine.step) two = right.next();
  }
  return common > 0
    ? [`The losses of the ${count(common)} steps both runs have are equal.`]
    : ['The runs have no step in common.'];
}
