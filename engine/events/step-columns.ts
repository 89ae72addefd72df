// StepColumns: many steps of a run as one line of events.jsonl, a column for each thing that a step event says. Nothing
// is rounded here: what comes out is what was put in, to the bit. Which steps are put together, and when a line is
// written, is the log's business.
import { z } from 'zod';
import type { RunEvent } from './events.js';

export type StepEvent = Extract<RunEvent, { type: 'step' }>;

/** Steps of a line at most: what a reader makes of one is bounded. */
export const MAX_STEPS_PER_LINE = 4096;

/** How a column writes a number: as it is, as a multiple of 1 / unit, or as the shortest text of a 32-bit float. */
type Writing = number | 'f32';

const REQUIRED = {
  epoch: 1,
  loss: 'f32',
  lr: 1,
  gradNorm: 'f32',
  samples: 1,
  seconds: 1e6,
  cacheHits: 1,
  cacheMisses: 1,
  bubbleShare: 1e4,
  commShare: 1e4,
} as const satisfies Partial<Record<keyof StepEvent, Writing>>;
const OPTIONAL = {
  computeShare: 1e4,
  cacheShare: 1e4,
  pipelineMs: 1e3,
  pipelineBubble: 1e4,
} as const satisfies Partial<Record<keyof StepEvent, Writing>>;
const WRITINGS = Object.entries({ ...REQUIRED, ...OPTIONAL }) as (readonly [ColumnName, Writing])[];
type ColumnName = keyof typeof REQUIRED | keyof typeof OPTIONAL;

const numbers = z.custom<readonly number[]>(
  (value) =>
    Array.isArray(value) && value.length <= 2 * MAX_STEPS_PER_LINE && value.every((one) => Number.isFinite(one)),
  'not a list of numbers',
);
/** One value for all steps, one for each, or values with how often each comes in a row. */
const columnSchema = z.union([z.number(), numbers, z.object({ runs: numbers })]);
type Column = z.infer<typeof columnSchema>;

const count = z.number().int().nonnegative();
const name = z.string().max(256);
const BASE64_DIGITS = 4 * Math.ceil((MAX_STEPS_PER_LINE * 8) / 3);

/** A line of steps, as it is read. `time` is that of the last step. */
export const stepColumnsSchema = z.object({
  time: z.number().nonnegative(),
  type: z.literal('steps'),
  /** Number of the first step. */
  step: count,
  count: z.number().int().min(1).max(MAX_STEPS_PER_LINE),
  generation: count,
  frozen: count,
  K: count,
  R: count,
  replay: z.literal(true).optional(),
  /** Microseconds: of the first step since the start of the run, of the others since the one before. */
  times: numbers,
  columns: z.object({
    ...(Object.fromEntries(Object.keys(REQUIRED).map((key) => [key, columnSchema])) as Record<
      keyof typeof REQUIRED,
      typeof columnSchema
    >),
    ...(Object.fromEntries(Object.keys(OPTIONAL).map((key) => [key, columnSchema.optional()])) as Record<
      keyof typeof OPTIONAL,
      z.ZodOptional<typeof columnSchema>
    >),
  }),
  peakMemory: z.record(name, columnSchema).optional(),
  /** Per replica; the digests are 8 bytes a step, in base64. */
  shares: z
    .array(z.object({ from: columnSchema, length: columnSchema, digests: z.string().max(BASE64_DIGITS) }))
    .optional(),
});
type StepColumns = z.infer<typeof stepColumnsSchema>;

/** Of steps that may stand in one line behind each other: what is the same for all of them. Null: none may follow. */
export function kindOf(step: StepEvent): string | null {
  if (!WRITINGS.every(([key, writing]) => isExact(step[key], writing))) return null;
  const { generation, frozen, K, R, replay, peakMemory, peakMb, shares, time } = step;
  if (peakMb !== undefined || !isExact(time, 1e6) || shares?.some(({ digest }) => !DIGEST.test(digest)) === true)
    return null;
  const known = Object.keys(OPTIONAL).filter((key) => step[key as keyof StepEvent] !== undefined);
  const workers = peakMemory === undefined ? null : Object.keys(peakMemory);
  return JSON.stringify([generation, frozen, K, R, replay ?? false, known, workers, shares?.length ?? null]);
}

const DIGEST = /^[0-9a-f]{16}$/;

/** Whether a number comes back as it is. */
function isExact(value: number | undefined, writing: Writing): boolean {
  if (value === undefined) return true;
  if (!Number.isFinite(value)) return false;
  if (writing === 'f32') return Math.fround(value) === value;
  const units = Math.round(value * writing);
  return writing === 1 || (Number.isSafeInteger(units) && units / writing === value);
}

/** The line of steps that are of one kind and follow on each other. */
export function packSteps(steps: readonly StepEvent[]): StepColumns {
  const [first, last] = [steps.at(0), steps.at(-1)] as [StepEvent, StepEvent];
  const { step, generation, frozen, K, R, replay, peakMemory, shares } = first;
  const micros = steps.map(({ time }) => Math.round(time * 1e6));
  const columns = WRITINGS.flatMap(([key, writing]) =>
    first[key] === undefined ? [] : [[key, column(steps.map((one) => written(one[key] as number, writing)))] as const],
  );
  return {
    time: last.time,
    type: 'steps',
    step,
    count: steps.length,
    generation,
    frozen,
    K,
    R,
    ...(replay === true ? { replay } : {}),
    times: micros.map((at, i) => at - (micros[i - 1] ?? 0)),
    columns: Object.fromEntries(columns) as StepColumns['columns'],
    ...(peakMemory === undefined
      ? {}
      : {
          peakMemory: Object.fromEntries(
            Object.keys(peakMemory).map((worker) => [
              worker,
              column(steps.map((one) => one.peakMemory?.[worker] as number)),
            ]),
          ),
        }),
    ...(shares === undefined ? {} : { shares: shares.map((_, replica) => packShares(steps, replica)) }),
  };
}

function packShares(steps: readonly StepEvent[], replica: number): NonNullable<StepColumns['shares']>[number] {
  const shares = steps.map((one) => one.shares?.[replica] as NonNullable<StepEvent['shares']>[number]);
  return {
    from: column(shares.map(({ from }) => from)),
    length: column(shares.map(({ from, to }) => to - from)),
    digests: Buffer.from(shares.map(({ digest }) => digest).join(''), 'hex').toString('base64'),
  };
}

function written(value: number, writing: Writing): number {
  return writing === 'f32' ? shortest(value) : writing === 1 ? value : Math.round(value * writing);
}

/** The number of fewest digits that is this one as a 32-bit float. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

function column(values: readonly number[]): Column {
  const runs: number[] = [];
  for (const value of values)
    if (value === runs.at(-2)) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
    else runs.push(value, 1);
  if (runs.length === 2) return values[0] as number;
  return runs.length < values.length ? { runs } : [...values];
}

/** The steps of a line, one by one; throws an Error where a column is not as long as the line says. */
export function* unpackSteps(line: StepColumns): Generator<StepEvent> {
  const { step, count: length, generation, frozen, K, R, replay, times, peakMemory, shares } = line;
  const required = Object.fromEntries(
    Object.entries(REQUIRED).map(([key, writing]) => [key, reader(line.columns[key as RequiredName], length, writing)]),
  ) as Record<RequiredName, Reader>;
  const optional: (readonly [OptionalName, Reader])[] = [];
  for (const [name, writing] of Object.entries(OPTIONAL) as [OptionalName, Writing][]) {
    const values = line.columns[name];
    if (values !== undefined) optional.push([name, reader(values, length, writing)]);
  }
  const peaks = Object.entries(peakMemory ?? {}).map(
    ([worker, values]) => [worker, reader(values, length, 1)] as const,
  );
  const replicas = shares?.map((share) => shareReader(share, length));
  requireLength(times.length, length);
  let micros = 0;
  for (let i = 0; i < length; i++) {
    micros += times[i] as number;
    // Written out: a long recording has millions of steps.
    const event: StepEvent = {
      time: micros / 1e6,
      type: 'step',
      step: step + i,
      epoch: required.epoch(i),
      loss: required.loss(i),
      lr: required.lr(i),
      gradNorm: required.gradNorm(i),
      samples: required.samples(i),
      seconds: required.seconds(i),
      generation,
      frozen,
      K,
      R,
      cacheHits: required.cacheHits(i),
      cacheMisses: required.cacheMisses(i),
      bubbleShare: required.bubbleShare(i),
      commShare: required.commShare(i),
    };
    for (const [key, at] of optional) event[key] = at(i);
    if (peakMemory !== undefined) event.peakMemory = Object.fromEntries(peaks.map(([worker, at]) => [worker, at(i)]));
    if (replicas !== undefined) event.shares = replicas.map((at) => at(i));
    if (replay === true) event.replay = replay;
    yield event;
  }
}

type RequiredName = keyof typeof REQUIRED;
type OptionalName = keyof typeof OPTIONAL;
type Reader = (i: number) => number;

function reader(values: Column, length: number, writing: Writing): Reader {
  const read = (value: number): number =>
    writing === 'f32' ? Math.fround(value) : writing === 1 ? value : value / writing;
  if (typeof values === 'number') {
    const same = read(values);
    return () => same;
  }
  if ('runs' in values) {
    const { runs } = values;
    const all: number[] = [];
    for (let i = 0; i < runs.length && all.length <= length; i += 2)
      for (let n = Math.min(runs[i + 1] ?? 0, length + 1); n > 0; n--) all.push(read(runs[i] as number));
    requireLength(all.length, length);
    return (i) => all[i] as number;
  }
  requireLength(values.length, length);
  return (i) => read(values[i] as number);
}

function shareReader(
  { from, length: lengths, digests }: NonNullable<StepColumns['shares']>[number],
  length: number,
): (i: number) => NonNullable<StepEvent['shares']>[number] {
  const [begin, size] = [reader(from, length, 1), reader(lengths, length, 1)];
  const digest = Buffer.from(digests, 'base64');
  requireLength(digest.length, 8 * length);
  return (i) => ({ from: begin(i), to: begin(i) + size(i), digest: digest.toString('hex', 8 * i, 8 * i + 8) });
}

function requireLength(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`a column has ${found} values, not ${wanted}`);
}
