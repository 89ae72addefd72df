// ExpectedReport: what exactly a worker must report that follows its orders, by the plan, its seat in it and the step:
// how many numbers, about what, in which range. Whatever a report says beyond that is refused before anything uses it.
// It cannot tell whether a number within its range is the right one. Pure.
import { CODECS } from '../../cache/codec.js';
import { workersByStage } from '../../pipeline/schedule.js';
import { CHUNK, numChunks } from '../comm/chunks.js';
import { present } from '../core/invariant.js';
import { blocksIn, type Plan, type Seat, seatOf } from '../core/plan.js';
import { shardOf } from '../dp/shards.js';
import type { SampleShare } from '../events/sample-share.js';
import type { ReportOf } from './messages.js';
import { replicaSchedule } from './plan-schedule.js';
import { validationIndices } from './validation.js';

/** What has to be known of a run to tell what its workers must report. */
export interface RunFacts {
  /** Elements of the parameters of every block. */
  readonly lengths: readonly number[];
  readonly numValidation: number;
  /** Numbers that validation tells of each sample. */
  readonly statisticsWidth: number;
  /** What places [from, to) of the batch of a step hold. */
  readonly shareAt: (step: number, from: number, to: number) => SampleShare;
}

interface ExpectedSquares {
  readonly block: number;
  readonly fromChunk: number;
  readonly count: number;
}

/** No time that a worker tells of a step may be longer: a week. */
const MAX_MS = 7 * 24 * 3_600_000;

/** The reports of one worker with a seat in one plan. Each check returns what is wrong, or null. */
export class ExpectedReport {
  readonly #plan: Plan;
  readonly #seat: Seat;
  /** Null before the run is read. */
  readonly #facts: RunFacts | null;
  readonly #numSpans: number;
  readonly #squares: readonly ExpectedSquares[] | null;
  readonly #isLast: boolean;

  /** Throws an InvariantError where the worker has no seat. */
  constructor(plan: Plan, worker: string, facts: RunFacts | null) {
    this.#plan = plan;
    this.#seat = present(seatOf(plan, worker) ?? undefined, `seat of ${worker}`);
    this.#facts = facts;
    this.#isLast = this.#seat.own.includes(this.#seat.stages.length - 1);
    const schedule = replicaSchedule(plan, this.#seat);
    const row = present(workersByStage(schedule)[present(this.#seat.own[0], 'a stage')], 'row of the worker');
    this.#numSpans = 2 * present(schedule.workers[row], 'actions of the worker').length;
    this.#squares = facts === null ? null : squaresOf(plan, this.#seat, facts.lengths);
  }

  step(report: ReportOf<'step-ready'>, step: number): string | null {
    return (
      this.#generation(report.generation) ??
      (report.step === step ? null : `it reported step ${report.step}, step ${step} is under way`) ??
      this.#losses(report.losses) ??
      this.#sumsOfSquares(report.squares) ??
      this.#spans(report.spans) ??
      timesOf(report) ??
      this.#cached(report) ??
      this.#share(report.share, step)
    );
  }

  /** `stride` as it was ordered. */
  evaluation({ generation, results }: ReportOf<'evaluated'>, stride: number): string | null {
    const wrong = this.#generation(generation);
    if (wrong !== null || this.#facts === null) return wrong;
    const { numValidation, statisticsWidth } = this.#facts;
    const { microBatch } = this.#plan;
    const expected = this.#isLast ? validationIndices(numValidation, this.#plan, this.#seat.replica, stride) : [];
    if (results.length !== expected.length || results.some(({ index }, i) => index !== expected[i]))
      return (
        `it reported ${results.length} evaluated micro-batches, ${expected.length} were asked for` +
        (results.length === expected.length ? ', others' : '')
      );
    for (const { index, statistics } of results) {
      const wanted = statisticsWidth * Math.min(microBatch, numValidation - index * microBatch);
      if (statistics.length !== wanted)
        return `it told ${statistics.length} numbers of evaluated micro-batch ${index}, ${wanted} were asked for`;
    }
    return null;
  }

  #generation(generation: number): string | null {
    const { generation: expected } = this.#plan;
    return generation === expected ? null : `it reported generation ${generation}, ${expected} is in force`;
  }

  #losses(losses: ReportOf<'step-ready'>['losses']): string | null {
    const { start, count } = this.#seat;
    const expected = this.#isLast ? count : 0;
    if (losses.length !== expected) return `it reported ${losses.length} losses, it has ${expected} micro-batches`;
    const seen = new Set(losses.map(({ micro }) => micro));
    const outside = losses.find(({ micro }) => micro < start || micro >= start + count);
    if (outside !== undefined)
      return `it reported a loss of micro-batch ${outside.micro}, its own are [${start}, ${start + count})`;
    return seen.size === expected ? null : 'it reported the loss of a micro-batch twice';
  }

  #sumsOfSquares(squares: ReportOf<'step-ready'>['squares']): string | null {
    if (squares.some(({ values }) => values.some((value) => value < 0))) return 'it reported a negative sum of squares';
    const expected = this.#squares;
    if (expected === null) return this.#blocksOf(squares);
    if (squares.length !== expected.length)
      return `it reported sums of squares of ${squares.length} ranges, it owns ${expected.length}`;
    for (const [i, { block, fromChunk, values }] of squares.entries()) {
      const own = present(expected[i], 'range');
      if (block !== own.block || fromChunk !== own.fromChunk || values.length !== own.count)
        return (
          `it reported ${values.length} sums of squares of block ${block} from chunk ${fromChunk}, it owns ` +
          `${own.count} of block ${own.block} from chunk ${own.fromChunk}`
        );
    }
    return null;
  }

  /** Where lengths are not known yet: at least the blocks must be its own. */
  #blocksOf(squares: ReportOf<'step-ready'>['squares']): string | null {
    const own = this.#seat.own.map((stage) => present(this.#seat.stages[stage], 'stage'));
    const strange = squares.find(({ block }) => !own.some(({ from, to }) => from <= block && block < to));
    return strange === undefined ? null : `it reported sums of squares of block ${strange.block}, which it has not`;
  }

  #spans(spans: readonly number[]): string | null {
    if (spans.length !== this.#numSpans) return `it reported ${spans.length} times of actions, not ${this.#numSpans}`;
    if (spans.some((ms, i) => ms < (spans[i - 1] ?? 0))) return 'the times of its actions go backwards';
    const length = (spans.at(-1) ?? 0) - (spans[0] ?? 0);
    return length <= MAX_MS ? null : `its actions took ${length} ms`;
  }

  #cached({ cacheHits, cacheMisses }: ReportOf<'step-ready'>): string | null {
    const { plan, seat } = { plan: this.#plan, seat: this.#seat };
    const most = plan.usesCache && plan.frozen > 0 && seat.own.includes(0) ? seat.count * plan.microBatch : 0;
    const found = cacheHits + cacheMisses;
    return found <= most ? null : `it reported ${found} cached samples, it works on ${most}`;
  }

  #share(share: ReportOf<'step-ready'>['share'], step: number): string | null {
    const { replica, start, count } = this.#seat;
    const [from, end] = [start * this.#plan.microBatch, (start + count) * this.#plan.microBatch];
    const expected = this.#facts?.shareAt(step, from, end) ?? share;
    const isOwn = share.replica === replica && share.from === from && share.to >= from && share.to <= end;
    if (isOwn && share.to === expected.to && share.digest === expected.digest) return null;
    return (
      `it worked on places [${share.from}, ${share.to}) as replica ${share.replica} (${share.digest}), its share is ` +
      `[${from}, ${expected.to}) as replica ${replica} (${expected.digest})`
    );
  }
}

/** The chunks that a seat reduces, in the order in which it tells of them. */
function squaresOf(plan: Plan, { replica, own, stages }: Seat, lengths: readonly number[]): ExpectedSquares[] {
  const { length: numReplicas } = plan.replicas;
  return own.flatMap((stage) =>
    blocksIn(plan, present(stages[stage], 'stage')).flatMap((block) => {
      const shard = shardOf(block, present(lengths[block], `length of block ${block}`), replica, numReplicas);
      const count = numChunks(shard.to - shard.from);
      return count === 0 ? [] : [{ block, fromChunk: shard.from / CHUNK, count }];
    }),
  );
}

/** What is measured around a difference of two clocks may be a little less than nothing. */
const LEAST_MS = -1000;

function timesOf({ computeMs, waitMs, reduceMs, cacheMs }: ReportOf<'step-ready'>): string | null {
  const wrong = [computeMs, waitMs, reduceMs, cacheMs].find((ms) => !(ms >= LEAST_MS && ms <= MAX_MS));
  return wrong === undefined ? null : `it reported a part of the step that took ${wrong} ms`;
}

/** What is wrong with measured costs of a model of so many blocks (null: not known yet), or null. */
export function costsProblem({ blocks, readMsPerMb }: ReportOf<'costs'>, numBlocks: number | null): string | null {
  if (numBlocks !== null && blocks.length !== numBlocks)
    return `it reported the costs of ${blocks.length} blocks, the model has ${numBlocks}`;
  const codecs = CODECS.all.map(({ name }) => name);
  const isComplete = codecs.every((name) => readMsPerMb[name] !== undefined);
  return isComplete && Object.keys(readMsPerMb).length === codecs.length
    ? null
    : `it reported the codecs ${Object.keys(readMsPerMb).slice(0, 8).join(', ')}, there are ${codecs.join(', ')}`;
}
