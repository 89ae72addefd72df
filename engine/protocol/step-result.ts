// StepResult: one step, assembled from the reports of its workers in an order that does not depend on the shape of the
// run: losses by micro-batch, squares by block and chunk. Pure functions.
import { measuredStep } from '../../pipeline/measured-step.js';
import { NonFiniteError } from '../core/errors.js';
import { invariant, present } from '../core/invariant.js';
import type { SampleShare } from '../events/sample-share.js';
import type { Model } from '../model/block.js';
import type { ReportOf } from './messages.js';

export interface StepResult {
  /** Mean loss over the real samples of the global batch, summed in micro-batch order, as a 32-bit float. */
  readonly loss: number;
  /** Norm of the whole gradient before clipping. */
  readonly gradNorm: number;
  /** Norm of each block's gradient; 0 for frozen blocks. */
  readonly blockNorms: number[];
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Milliseconds summed over workers. */
  readonly computeMs: number;
  readonly waitMs: number;
  readonly reduceMs: number;
  readonly cacheMs: number;
  /**
   * From the first forward to the last backward, of the slowest replica; and the idle share of the workers of all
   * replicas in that time of theirs.
   */
  readonly pipelineMs: number;
  readonly pipelineBubble: number;
  /** Begin and end of every action, by worker (see `step-ready`). */
  readonly spans: ReadonlyMap<string, readonly number[]>;
  /** Milliseconds of the exchange of gradients, by worker. */
  readonly reduceMsOf: ReadonlyMap<string, number>;
  /** Most memory that each worker has needed so far, bytes. */
  readonly peakMemory: Readonly<Record<string, number>>;
  /** What each replica worked on, as places of the batch. */
  readonly shares: readonly SampleShare[];
}

export function assembleStep(
  reports: ReadonlyMap<string, ReportOf<'step-ready'>>,
  numBlocks: number,
  numMicroBatches: number,
): StepResult {
  const all = [...reports.values()];
  const losses = all.flatMap((report) => report.losses).sort((a, b) => a.micro - b.micro);
  invariant(losses.length === numMicroBatches, () => `${losses.length} losses of ${numMicroBatches} micro-batches`);
  const loss = losses.reduce((sum, { loss: one }) => Math.fround(sum + one), 0);
  const squares = blockSquares(
    all.flatMap((report) => report.squares),
    numBlocks,
  );
  const sum = (pick: (report: ReportOf<'step-ready'>) => number): number =>
    all.reduce((total, report) => total + pick(report), 0);
  return {
    loss,
    gradNorm: Math.sqrt(squares.reduce((total, square) => total + square, 0)),
    blockNorms: squares.map(Math.sqrt),
    cacheHits: sum((report) => report.cacheHits),
    cacheMisses: sum((report) => report.cacheMisses),
    computeMs: sum((report) => report.computeMs),
    waitMs: sum((report) => report.waitMs),
    reduceMs: sum((report) => report.reduceMs),
    cacheMs: sum((report) => report.cacheMs),
    ...pipelineTime(all),
    spans: new Map([...reports].map(([worker, { spans }]) => [worker, spans])),
    reduceMsOf: new Map([...reports].map(([worker, { reduceMs }]) => [worker, reduceMs])),
    peakMemory: Object.fromEntries([...reports].map(([worker, { peakBytes }]) => [worker, peakBytes])),
    shares: sharesOf(all.map(({ share }) => share)),
  };
}

/** Whether all that a worker says of a step is finite. */
export const isFiniteReport = ({ losses, squares }: ReportOf<'step-ready'>): boolean =>
  losses.every(({ loss }) => Number.isFinite(loss)) && squares.every(({ values }) => values.every(Number.isFinite));

function pipelineTime(reports: readonly ReportOf<'step-ready'>[]): {
  readonly pipelineMs: number;
  readonly pipelineBubble: number;
} {
  const replicas = [...new Set(reports.map(({ share }) => share.replica))].map((replica) =>
    measuredStep(reports.filter(({ share }) => share.replica === replica).map(({ spans }) => spans)),
  );
  const capacityMs = replicas.reduce((sum, { totalMs, busyMs }) => sum + totalMs * busyMs.length, 0);
  const idleMs = replicas.reduce(
    (sum, { totalMs, busyMs, bubbleShare }) => sum + bubbleShare * totalMs * busyMs.length,
    0,
  );
  return {
    pipelineMs: Math.max(...replicas.map(({ totalMs }) => totalMs)),
    pipelineBubble: capacityMs === 0 ? 0 : idleMs / capacityMs,
  };
}

/** One share per replica. All stages of a replica tell what they worked on, and must agree. */
function sharesOf(told: readonly ReportOf<'step-ready'>['share'][]): SampleShare[] {
  const shares: SampleShare[] = [];
  for (const { replica, ...share } of [...told].sort((a, b) => a.replica - b.replica)) {
    const known = (shares[replica] ??= share);
    invariant(
      known.from === share.from && known.to === share.to && known.digest === share.digest,
      () => `the stages of replica ${replica} worked on different samples: ${JSON.stringify([known, share])}`,
    );
  }
  return shares;
}

/** Sum of squares of each block: chunks in order, whoever owned them. */
function blockSquares(parts: ReportOf<'step-ready'>['squares'], numBlocks: number): number[] {
  const squares = new Array<number>(numBlocks).fill(0);
  for (const { block, values } of [...parts].sort((a, b) => a.block - b.block || a.fromChunk - b.fromChunk))
    for (const value of values) squares[block] = (squares[block] ?? 0) + value;
  return squares;
}

/** The factor that brings a gradient of norm `gradNorm` down to `clip`; 1 where it is below or `clip` is 0. */
export const clipScale = (gradNorm: number, clip: number): number =>
  clip > 0 && gradNorm > clip ? clip / gradNorm : 1;

/** Throws a NonFiniteError where a step must not be applied, with the first block that is to blame. */
export function requireFinite({ loss, gradNorm, blockNorms }: StepResult, step: number, { blocks }: Model): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return;
  const block = blockNorms.findIndex((norm) => !Number.isFinite(norm));
  const where =
    block < 0
      ? ''
      : `; the first block whose gradient is not finite is ${block} (${present(blocks[block], 'block').name})`;
  throw new NonFiniteError(
    `step ${step}: the loss is ${loss} and the gradient norm ${gradNorm}${where}. The update was not applied`,
    'Use a smaller --lr, a longer --warmup, or --clip 1 or less; check the data for values that are not numbers.',
  );
}
