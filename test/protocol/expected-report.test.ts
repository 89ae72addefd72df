// What a worker owes: exactly one report is right; whatever is changed in it is refused with a reason, and nothing that
// a worker can send makes the check fail in another way.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODECS } from '../../cache/codec.js';
import type { Plan } from '../../engine/core/plan.js';
import { costsProblem, ExpectedReport, type RunFacts } from '../../engine/protocol/expected-report.js';
import { type Order, type ReportOf, reportSchema } from '../../engine/protocol/messages.js';
import { OwedReports } from '../../engine/protocol/owed-reports.js';

type StepReport = ReportOf<'step-ready'>;

/** Four blocks, one of them without parameters; the second is of five chunks. */
const FACTS: RunFacts = {
  lengths: [100, 70_000, 0, 40_000],
  numValidation: 10,
  statisticsWidth: 3,
  shareAt: (step, from, to) => ({ from, to: Math.min(to, 7), digest: `${step}` }),
};
// Two replicas of two stages; block 0 is frozen.
const PLAN: Plan = {
  generation: 3,
  frozen: 1,
  microBatch: 2,
  numMicroBatches: 4,
  schedule: '1f1b',
  replicas: [0, 1].map((replica) => ({
    start: 2 * replica,
    count: 2,
    stages: [
      { worker: `a${replica}`, from: 1, to: 2 },
      { worker: `b${replica}`, from: 2, to: 4 },
    ],
  })),
  usesCache: true,
  previousCacheDepth: null,
  frozenBefore: 0,
  sources: [null, null, null, null],
  restore: null,
  reason: 'a test',
};
/** What worker b1 owes of step 5: it has the last stage of the second replica, whose last sample is padding. */
const RIGHT: StepReport = {
  type: 'step-ready',
  generation: 3,
  step: 5,
  losses: [
    { micro: 2, loss: 1 },
    { micro: 3, loss: NaN },
  ],
  // Three chunks in block 3: replica 1 has rank 0 there, so it owns the first one.
  squares: [{ block: 3, fromChunk: 0, values: [4] }],
  computeMs: 1,
  waitMs: 1,
  spans: [1, 2, 2, 3, 4, 5, 5, 6],
  reduceMs: 1,
  cacheMs: 0,
  cacheHits: 0,
  cacheMisses: 0,
  residentBytes: 1,
  peakBytes: 1,
  share: { replica: 1, from: 4, to: 7, digest: '5' },
  pool: { lent: 0, lentBytes: 0, bytes: 0 },
};
const problemOf = (changes: Partial<StepReport>, worker = 'b1'): string | null =>
  new ExpectedReport(PLAN, worker, FACTS).step({ ...RIGHT, ...changes }, 5);

describe('the report of a step', () => {
  it('is right as a worker makes it, in any order of its losses', () => {
    expect(problemOf({})).toBeNull();
    expect(problemOf({ losses: [...RIGHT.losses].reverse() })).toBeNull();
    // The first stage has no losses, reads the cache, and owns two of five chunks.
    const first = {
      losses: [],
      squares: [{ block: 1, fromChunk: 2, values: [1, 2, 3] }],
      cacheHits: 3,
      share: { replica: 0, from: 0, to: 4, digest: '5' },
    };
    expect(problemOf(first, 'a0')).toBeNull();
  });

  it.each<[string, Partial<StepReport>]>([
    ['no losses', { losses: [] }],
    ['50 losses', { losses: Array.from({ length: 50 }, (_, micro) => ({ micro, loss: 1 })) }],
    ['a loss twice', { losses: [RIGHT.losses[0], RIGHT.losses[0]] as StepReport['losses'] }],
    ['a loss of another replica', { losses: [{ micro: 0, loss: 1 }, RIGHT.losses[1]] as StepReport['losses'] }],
    ['squares of a block far out', { squares: [{ block: 4e9, fromChunk: 0, values: [1] }] }],
    ['squares of too many chunks', { squares: [{ block: 3, fromChunk: 0, values: [1, 2, 3] }] }],
    ['squares of a chunk of another', { squares: [{ block: 3, fromChunk: 1, values: [1] }] }],
    ['squares twice', { squares: [RIGHT.squares[0], RIGHT.squares[0]] as StepReport['squares'] }],
    ['no squares', { squares: [] }],
    ['a negative square', { squares: [{ block: 3, fromChunk: 0, values: [-1] }] }],
    ['too few times', { spans: RIGHT.spans.slice(2) }],
    ['times that go backwards', { spans: [...RIGHT.spans].reverse() }],
    ['a negative time', { spans: [-5, ...RIGHT.spans.slice(1)] }],
    ['a step of years', { spans: RIGHT.spans.map((ms, i) => (i === 7 ? 1e12 : ms)) }],
    ['a computation of years', { computeMs: 1e12 }],
    ['hits of a cache that it does not read', { cacheHits: 1 }],
    ['another step', { step: 6 }],
    ['another generation', { generation: 2 }],
    ['the share of another replica', { share: { ...RIGHT.share, replica: 0 } }],
    ['other places', { share: { ...RIGHT.share, from: 0 } }],
    ['padding as samples', { share: { ...RIGHT.share, to: 8 } }],
    ['other samples', { share: { ...RIGHT.share, digest: '6' } }],
  ])('with %s is refused', (_, changes) => expect(problemOf(changes)).toMatch(/^\w/));

  it('is never more than a reason, whatever a worker sends that can be read', () => {
    const number = fc.oneof(fc.nat(), fc.double(), fc.constantFrom(4e9, -1, 1e15, 2 ** 53));
    const report = fc.record({
      losses: fc.array(fc.record({ micro: number, loss: number })),
      squares: fc.array(fc.record({ block: number, fromChunk: number, values: fc.array(number) })),
      spans: fc.array(number),
      share: fc.record({ replica: number, from: number, to: number, digest: fc.string() }),
      cacheHits: number,
      generation: fc.constantFrom(3, 4),
      step: fc.constantFrom(5, 6),
    });
    fc.assert(
      fc.property(report, (changes) => {
        const read = reportSchema.safeParse({ ...RIGHT, ...changes });
        if (read.success) expect(typeof problemOf(read.data as StepReport)).toBe('string');
      }),
    );
  });
});

describe('other reports', () => {
  const evaluated = (indices: readonly number[], width = 3): ReportOf<'evaluated'> => ({
    type: 'evaluated',
    generation: 3,
    results: indices.map((index) => ({ index, statistics: new Float32Array(width * 2) })),
  });
  const evaluationProblem = (report: ReportOf<'evaluated'>, worker = 'b1'): string | null =>
    new ExpectedReport(PLAN, worker, FACTS).evaluation(report, 1);

  it('of an evaluation are about the micro-batches that were asked for, and tell as much as the model does', () => {
    // 5 micro-batches of validation samples, in turn to two replicas.
    expect(evaluationProblem(evaluated([1, 3]))).toBeNull();
    expect(evaluationProblem(evaluated([]), 'a1')).toBeNull();
    for (const indices of [[], [1], [1, 3, 5], [0, 2], [3, 1]])
      expect(evaluationProblem(evaluated(indices))).toMatch(/^it/);
    expect(evaluationProblem(evaluated([1, 3], 2))).toMatch(/it told 4 numbers .* 6 were asked for/);
  });

  it('of costs are about as many blocks as the model has, and every codec', () => {
    const block = { forwardMs: 1, backwardMs: 1, inputGradientMs: 1, weightGradientMs: 1 };
    const sizes = { gradientBytes: 1, savedBytes: 1, carriedBytes: 1, outputBytes: 1, copyBytes: 0 };
    const blocks = Array.from({ length: 4 }, () => ({ ...block, ...sizes }));
    const readMsPerMb = Object.fromEntries(CODECS.all.map(({ name }) => [name, 1]));
    const trust = { othersShare: 0, spread: 0 };
    const costs = { type: 'costs', blocks, readMsPerMb, updateMsPerMb: 1, trust, handover: null } as const;
    expect(costsProblem(costs, 4)).toBeNull();
    expect(costsProblem(costs, 5)).toMatch(/4 blocks, the model has 5/);
    expect(costsProblem({ ...costs, readMsPerMb: { f32: 1 } }, 4)).toMatch(/codecs/);
    for (const forwardMs of [NaN, -1, Infinity])
      expect(reportSchema.safeParse({ ...costs, blocks: [{ ...blocks[0], forwardMs }] }).success).toBe(false);
  });

  it('are owed once each, by the orders that were given', () => {
    const owed = new OwedReports('b1', () => FACTS);
    const order = (body: { readonly type: Order['type']; readonly [field: string]: unknown }): void =>
      owed.ordered(body as Order);
    const written = { type: 'snapshot-written', step: 5, version: 9, problem: null } as const;
    order({ type: 'prepare', plan: PLAN, keeper: 1, colleagues: {} });
    expect(owed.problemOf({ type: 'prepared', generation: 4, movedBytes: 0, stateMs: 0 })).toMatch(/generation 4/);
    order({ type: 'start', generation: 3, step: 5 });
    expect(owed.problemOf(RIGHT)).toBeNull();
    expect(owed.problemOf(written)).toMatch(/nobody asked for/);
    order({ type: 'commit', generation: 3, step: 5, goesOn: true, snapshot: 9 });
    expect(owed.problemOf(RIGHT)).toMatch(/reported step 5, step 6/);
    expect(owed.problemOf(written)).toBeNull();
    expect(owed.problemOf(written)).toMatch(/nobody asked for/);
    order({ type: 'commit', generation: 3, step: 6, goesOn: false, snapshot: null });
    expect(owed.problemOf({ type: 'paused', generation: 3, step: 5 })).toMatch(/paused after step 5/);
    expect(owed.problemOf({ type: 'paused', generation: 3, step: 6 })).toBeNull();
    const caches = Array.from({ length: 20 }, () => owed.problemOf({ type: 'cache-off', reason: 'no' }));
    expect(caches.filter((problem) => problem === null).length).toBeLessThan(10);
  });

  it('of a snapshot are owed by the replica that keeps it, and by no other', () => {
    const owed = new OwedReports('b1', () => FACTS);
    owed.ordered({ type: 'prepare', plan: PLAN, keeper: 0, colleagues: {} });
    owed.ordered({ type: 'snapshot', generation: 3, step: 0, version: 1 });
    expect(owed.problemOf({ type: 'snapshot-written', step: 0, version: 1, problem: null })).toMatch(/nobody asked/);
  });

  it('that say more than anybody reads cannot be read', () => {
    const long = 'x'.repeat(60_000_000);
    for (const report of [
      { type: 'cache-off', reason: long },
      { type: 'stuck', message: long, about: null },
      { type: 'failed', error: { code: 'X', exitCode: 1, message: long, hint: '' } },
      { type: 'failed', error: { code: 'X', exitCode: 1, message: '', hint: '', stack: long } },
      { type: 'snapshot-written', step: 0, version: 0, problem: long },
      { type: 'dropped', peer: long, reason: '' },
    ])
      expect(reportSchema.safeParse(report).success, report.type).toBe(false);
  });
});
