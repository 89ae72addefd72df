// Costs that several workers measured at the same time.
import { describe, expect, it } from 'vitest';
import { jointCosts } from '../../engine/costs/joint-costs.js';

const report = (factor: number): Parameters<typeof jointCosts>[0][number] => ({
  type: 'costs',
  blocks: [1, 2].map((ms) => ({
    forwardMs: factor * ms,
    backwardMs: 2 * factor * ms,
    inputGradientMs: factor * ms,
    weightGradientMs: factor * ms,
    gradientBytes: 10,
    savedBytes: 10,
    carriedBytes: 20,
    outputBytes: 30,
    copyBytes: 5,
  })),
  readMsPerMb: { f32: factor, f16: 2 * factor, i8: 3 * factor },
  updateMsPerMb: factor,
  trust: { othersShare: factor / 10, spread: factor / 5 },
  handover: { handoverMs: factor, handlingMs: factor / 2 },
});

describe('costs of several workers', () => {
  it('are the mean of their times, with the sizes of any', () => {
    expect(jointCosts([report(1), report(3)])).toEqual({ ...report(2), trust: report(3).trust });
    expect(jointCosts([report(5)])).toEqual(report(5));
  });
  it('take the hand-over from the pairs that measured it', () => {
    const silent = { ...report(9), handover: null };
    expect(jointCosts([report(1), silent, report(3), silent]).handover).toEqual(report(2).handover);
    expect(jointCosts([silent]).handover).toBeNull();
  });
});
