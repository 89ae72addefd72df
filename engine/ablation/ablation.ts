// Ablation: what an ablation found, as ablation.json holds it: rows of cases with means over seeds, the target and the
// time to it, speed-ups, shares. A pure function of the events of its runs; who made them is
// cli/session/ablation-runs.ts.
import type { RunEvent } from '../events/events.js';
import type { Events } from '../events/steps-that-count.js';
import { effectiveEvaluations, eventsOf, type Shape } from '../events/summary.js';
import { SHARE_NAMES, type TimeShares, timeShares, wallSecondsOf } from '../events/time-shares.js';
import type { AblationCase } from './ablation-case.js';

/**
 * Points (of a metric that is a share) or percent (where lower is better) that the target lies below the baseline's
 * final value.
 */
const TARGET_SLACK = 0.3;

/** A run as it was recorded. */
export interface RecordedRun {
  readonly case: AblationCase;
  readonly seed: number;
  readonly folder: string;
  readonly events: Events;
}

export interface AblationRun {
  readonly seed: number;
  readonly folder: string;
  /** On the whole validation set, after the last step; null where there is none. */
  readonly metric: number | null;
  readonly target: number | null;
  /** From the start of the run, everything included; null where the target was not reached. */
  readonly secondsToTarget: number | null;
  readonly wallSeconds: number;
  /** Shapes at the first and the last step. */
  readonly first: Shape | null;
  readonly last: Shape | null;
  readonly frozenLayers: number;
  readonly shares: TimeShares;
  /** Every whole validation: seconds since the start, metric. */
  readonly curve: readonly (readonly [seconds: number, metric: number])[];
  readonly weightsSha256: string | null;
}

export interface AblationRow {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Mean over the seeds, and half the distance between its extremes. */
  readonly metric: number | null;
  readonly metricSpread: number;
  readonly wallSeconds: number;
  /** Mean over the seeds; null where one of them never reached the target. */
  readonly secondsToTarget: number | null;
  readonly numReached: number;
  readonly shares: TimeShares;
  /**
   * How many times as fast as the row `baseline`, and as the row `best`; null where one of the two times is missing.
   */
  readonly speedup: { readonly wall: number | null; readonly toTarget: number | null };
  readonly overBest: { readonly wall: number | null; readonly toTarget: number | null };
  readonly runs: readonly AblationRun[];
}

export interface Ablation {
  readonly model: string | null;
  readonly data: string | null;
  readonly machine: string | null;
  readonly version: string | null;
  readonly metricName: string;
  readonly higherIsBetter: boolean;
  readonly seeds: readonly number[];
  /** The value asked for, or null: each seed's final value without freezing, less a little. */
  readonly target: number | null;
  readonly rows: readonly AblationRow[];
  /**
   * Whether the rows without freezing ended with the same weights for every seed, and those with freezing; null where
   * there are fewer than two.
   */
  readonly sameBits: { readonly unfrozen: boolean | null; readonly frozen: boolean | null };
}

/** Wall clock until a whole validation first reached `target`, or null. */
export function secondsToTarget(events: Iterable<RunEvent>, target: number, higherIsBetter: boolean): number | null {
  return (
    effectiveEvaluations(events).find(({ metric }) => (higherIsBetter ? metric >= target : metric <= target))?.time ??
    null
  );
}

/** What counts as as good as `final`. */
export const targetBelow = (final: number, higherIsBetter: boolean): number =>
  higherIsBetter ? final - TARGET_SLACK / 100 : final + Math.abs(final) * (TARGET_SLACK / 100);

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const present = (values: readonly (number | null)[]): number[] =>
  values.filter((value): value is number => value !== null);
const ratio = (a: number | null, b: number | null): number | null =>
  a === null || b === null || b <= 0 ? null : a / b;

/** Only seeds that every case has are counted. `target` null: relative to the row without freezing. */
export function makeAblation(
  cases: readonly AblationCase[],
  runs: readonly RecordedRun[],
  target: number | null,
): Ablation {
  const seeds = [...new Set(runs.map(({ seed }) => seed))].filter((seed) =>
    cases.every(({ name }) => runs.some((run) => run.seed === seed && run.case.name === name)),
  );
  const started = runs.flatMap(({ events }) => eventsOf(events, 'run.started'))[0];
  const higherIsBetter = started?.higherIsBetter ?? true;
  const reference = cases.find(({ name }) => name === 'baseline') ?? cases.find(({ freezes }) => !freezes);
  const targetOf = (seed: number): number | null => {
    if (target !== null) return target;
    const own = runs.find((run) => run.seed === seed && run.case.name === reference?.name);
    const final = own === undefined ? undefined : effectiveEvaluations(own.events).at(-1)?.metric;
    return final === undefined ? null : targetBelow(final, higherIsBetter);
  };
  const plain = cases.map((one) =>
    rowOf(
      one,
      runs.filter((run) => run.case.name === one.name && seeds.includes(run.seed)),
      targetOf,
      higherIsBetter,
    ),
  );
  const against = (name: string, row: PlainRow): AblationRow['speedup'] => {
    const other = plain.find((one) => one.name === name);
    return {
      wall: ratio(other?.wallSeconds ?? null, row.wallSeconds),
      toTarget: ratio(other?.secondsToTarget ?? null, row.secondsToTarget),
    };
  };
  const isFrozen = new Map(cases.map(({ name, freezes }) => [name, freezes]));
  return {
    model: started?.model ?? null,
    data: started?.data ?? null,
    machine: started?.machine ?? null,
    version: started?.version ?? null,
    metricName: started?.metricName ?? 'metric',
    higherIsBetter,
    seeds,
    target,
    rows: plain.map((row) => ({ ...row, speedup: against('baseline', row), overBest: against('best', row) })),
    sameBits: {
      unfrozen: agree(plain.filter(({ name }) => isFrozen.get(name) === false)),
      frozen: agree(plain.filter(({ name }) => isFrozen.get(name) === true)),
    },
  };
}

type PlainRow = Omit<AblationRow, 'speedup' | 'overBest'>;

function rowOf(
  { name, title, description }: AblationCase,
  recorded: readonly RecordedRun[],
  targetOf: (seed: number) => number | null,
  higherIsBetter: boolean,
): PlainRow {
  const runs = recorded.map((run) => runOf(run, targetOf(run.seed), higherIsBetter));
  const metrics = present(runs.map(({ metric }) => metric));
  const reached = present(runs.map((run) => run.secondsToTarget));
  const shares = Object.fromEntries(
    SHARE_NAMES.map((share) => [share, runs.length === 0 ? 0 : mean(runs.map((run) => run.shares[share]))]),
  ) as unknown as TimeShares;
  return {
    name,
    title,
    description,
    metric: metrics.length === 0 ? null : mean(metrics),
    metricSpread: metrics.length === 0 ? 0 : (Math.max(...metrics) - Math.min(...metrics)) / 2,
    wallSeconds: runs.length === 0 ? 0 : mean(runs.map(({ wallSeconds }) => wallSeconds)),
    secondsToTarget: runs.length > 0 && reached.length === runs.length ? mean(reached) : null,
    numReached: reached.length,
    shares,
    runs,
  };
}

function runOf({ seed, folder, events }: RecordedRun, target: number | null, higherIsBetter: boolean): AblationRun {
  const validations = effectiveEvaluations(events);
  let [first, last]: [Shape | null, (Shape & { readonly generation: number }) | null] = [null, null];
  for (const event of events)
    if (event.type === 'step') {
      last = event;
      first ??= event;
    }
  const shapeOf = (shape: Shape | null): Shape | null => (shape === null ? null : { K: shape.K, R: shape.R });
  return {
    seed,
    folder,
    metric: validations.at(-1)?.metric ?? null,
    target,
    secondsToTarget: target === null ? null : secondsToTarget(events, target, higherIsBetter),
    wallSeconds: wallSecondsOf(events),
    first: shapeOf(first),
    last: shapeOf(last),
    frozenLayers:
      eventsOf(events, 'plan.made').findLast(({ generation }) => generation === last?.generation)?.frozenLayers ?? 0,
    shares: timeShares(events),
    curve: validations.map(({ time, metric }) => [time, metric] as const),
    weightsSha256: eventsOf(events, 'run.finished').at(-1)?.weightsSha256 ?? null,
  };
}

/** Whether all rows have the same weights for every seed. */
function agree(rows: readonly PlainRow[]): boolean | null {
  const [first, ...rest] = rows;
  if (first === undefined || rest.length === 0 || first.runs.length === 0) return null;
  return first.runs.every(
    ({ seed, weightsSha256 }) =>
      weightsSha256 !== null &&
      rest.every(({ runs }) => runs.find((run) => run.seed === seed)?.weightsSha256 === weightsSha256),
  );
}
