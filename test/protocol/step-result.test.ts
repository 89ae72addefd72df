// A step's numbers must not depend on who reported them or in which order.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleStep, clipScale } from '../../engine/protocol/step-result.js';

type StepReport = Parameters<typeof assembleStep>[0] extends ReadonlyMap<string, infer T> ? T : never;

const report = (changes: Partial<StepReport>): StepReport => ({
  type: 'step-ready',
  generation: 0,
  step: 0,
  losses: [],
  squares: [],
  computeMs: 1,
  waitMs: 2,
  spans: [],
  reduceMs: 3,
  cacheMs: 0.5,
  cacheHits: 4,
  cacheMisses: 5,
  residentBytes: 6,
  peakBytes: 7,
  share: { replica: 0, from: 0, to: 0, digest: '' },
  pool: { lent: 0, lentBytes: 0, bytes: 0 },
  ...changes,
});

/** The reports of the workers w0, w1, ... */
const of = (...reports: StepReport[]): ReadonlyMap<string, StepReport> =>
  new Map(reports.map((one, i) => [`w${i}`, one]));

describe('assembling a step', () => {
  it('gives the same bits however losses and chunks are spread over workers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.tuple(fc.nat(3), fc.double({ min: 0, max: 1e9, noNaN: true })), { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.nat(3)),
        (losses, chunks, owner) => {
          const counts = new Map<number, number>();
          const pieces = chunks.map(([block, value]) => {
            const fromChunk = counts.get(block) ?? 0;
            counts.set(block, fromChunk + 1);
            return { block, fromChunk, values: [value] };
          });
          const parts = losses.map((loss, micro) => ({ micro, loss }));
          const together = assembleStep(of(report({ losses: parts, squares: pieces })), 4, losses.length);
          const workers = [0, 1, 2, 3].map(() => ({ losses: [] as typeof parts, squares: [] as typeof pieces }));
          for (const part of parts) workers[owner.next().value as number]?.losses.unshift(part);
          for (const piece of pieces) workers[owner.next().value as number]?.squares.unshift(piece);
          const spread = assembleStep(of(...workers.map(report)), 4, losses.length);
          expect(spread.loss).toBe(together.loss);
          expect(spread.gradNorm).toBe(together.gradNorm);
          expect(spread.blockNorms).toEqual(together.blockNorms);
        },
      ),
    );
  });
  it('refuses a step of which a micro-batch is missing', () => {
    expect(() => assembleStep(of(report({ losses: [{ micro: 0, loss: 1 }] })), 1, 2)).toThrow(
      /1 losses of 2 micro-batches/,
    );
  });
  it('carries what is not finite to the norm', () => {
    expect(
      assembleStep(
        of(report({ losses: [{ micro: 0, loss: 1 }], squares: [{ block: 0, fromChunk: 0, values: [Number.NaN] }] })),
        1,
        1,
      ).gradNorm,
    ).toBeNaN();
  });
});

describe('the clip factor', () => {
  it.each([
    [2, 1, 0.5],
    [0.5, 1, 1],
    [1, 1, 1],
    [5, 0, 1],
  ])('of norm %f at clip %f is %f', (norm, clip, factor) => expect(clipScale(norm, clip)).toBe(factor));
});
