// Predictions that turn out wrong: the costs are corrected by what was measured, a better plan is taken, and no bit
// changes.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { shapeOf } from '../../engine/core/plan.js';
import { correctedCosts } from '../../engine/costs/corrected-costs.js';
import { costKey } from '../../engine/costs/run-costs.js';
import { prefixMs } from '../../engine/planning/plan-cache.js';
import { planForMeasured } from '../../engine/planning/plan-for-measured.js';
import { openKeptResults } from '../../engine/run/kept-results.js';
import { setUpRun } from '../../engine/run/run-setup.js';
import { makeSchedule } from '../../pipeline/schedules/registry.js';
import { simulateActions } from '../../pipeline/simulate.js';
import { basisOf, PlanSequence, workersNamed } from '../planning/plan-sequence.js';
import { scratch } from '../scratch.js';
import { TINY, trainRun } from './train-run.js';

const COSTS = Array.from({ length: 8 }, (_, i) => ({
  name: `block${i}`,
  forwardMs: 1,
  backwardMs: 2,
  inputGradientMs: 1,
  weightGradientMs: 1.5,
  parameterBytes: 4e6,
  optimizerBytes: 8e6,
  gradientBytes: 4e6,
  savedBytes: 1e6,
  outputBytes: 1e5,
}));

const twoWorkers = (changes: Partial<TrainConfigInput>): PlanSequence =>
  new PlanSequence(basisOf(changes, { costs: COSTS, workers: workersNamed(2) }));
const request = { frozen: 0, frozenLayers: 0, epochsLeft: 5, because: 'a test' };
/** Blocks 0 to 3 as expected, the others five times slower. */
const slowEnd = COSTS.map((cost, i) => (i < 4 ? cost : { ...cost, forwardMs: 5, backwardMs: 10 }));

describe('costs', () => {
  it.each(['1f1b', 'zb-h1'] as const)(
    'are what the stages took, in the proportions the blocks had (%s)',
    (schedule) => {
      const { plan } = twoWorkers({ pipeline: 2, replicas: 1, schedule }).next(request);
      expect(plan.replicas[0]?.stages.map(({ from }) => from)).toEqual([0, 4]);
      const durationOf = { F: [4, 20], B: [8, 40], I: [0, 20], W: [8, 30] } as const;
      const { spans } = simulateActions(
        makeSchedule(schedule, 2, 8),
        ({ kind, stage }) => durationOf[kind][stage as 0 | 1],
      );
      const step = spans.map((list) => list.flatMap(({ startMs, endMs }) => [startMs, endMs]));
      const corrected = correctedCosts(COSTS, plan, 0, [step, step]);
      for (const [block, { forwardMs, backwardMs }] of corrected.entries()) {
        expect(forwardMs).toBeCloseTo(block < 4 ? 1 : 5, 9);
        expect(backwardMs).toBeCloseTo(block < 4 ? 2 : 2 * (schedule === 'zb-h1' ? 50 / 10 : 5), 9);
      }
    },
  );
});

describe('a plan', () => {
  const begun = (changes: Partial<TrainConfigInput> = {}) => {
    const run = twoWorkers({ pipeline: 2, replicas: 1, schedule: '1f1b', ...changes });
    const { history } = run.next(request);
    return { history, corrected: (costs: typeof COSTS) => ({ ...run.basis, costs }) };
  };
  it('is changed where corrected costs make another one better, once', () => {
    const { history, corrected } = begun();
    const better = planForMeasured(corrected(slowEnd), history, 500, request);
    expect(better?.plan).toMatchObject({ generation: 1, frozen: 0 });
    expect(shapeOf(better?.plan ?? history.first)).toEqual({ K: 2, R: 1 });
    expect(better?.plan.replicas[0]?.stages[1]?.from).toBeGreaterThan(4);
    // The other way round is measured next: two plans must not take turns.
    const otherWay = corrected([...slowEnd].reverse());
    expect(planForMeasured(otherWay, better?.history ?? history, 500, request)).toBeNull();
    expect(planForMeasured(otherWay, history, 500, request)).not.toBeNull();
  });
  it('stays where the gain is small beside what no shape changes', () => {
    const { history, corrected } = begun();
    expect(planForMeasured(corrected(slowEnd), history, 50_000, request)).toBeNull();
  });
  it.each([{ dp: 'off' }, { exact: false }] as const)('stays with %o', (changes) => {
    const { history, corrected } = begun(changes);
    expect(planForMeasured(corrected(slowEnd), history, 500, request)).toBeNull();
  });
});

describe('what stage 0 is predicted to spend on the frozen prefix', () => {
  it('is computing and writing while the cache fills, and reading afterwards', () => {
    const run = twoWorkers({ pipeline: 1, replicas: 1 });
    run.next(request);
    const frozen = { ...request, frozen: 6, frozenLayers: 3 };
    const { plan } = run.next(frozen);
    expect(plan.usesCache).toBe(true);
    expect(prefixMs(run.basis, plan, frozen, true)).toBeGreaterThan(6);
    expect(prefixMs(run.basis, plan, frozen, false)).toBeLessThan(1);
    expect(prefixMs(run.basis, plan, request, true)).toBe(0);
  });
});

describe('a run that begins with wrong costs', () => {
  const folder = scratch();

  it('corrects them, changes its plan, keeps every bit, and lets the next run measure anew', async () => {
    const programCache = join(folder, 'kept');
    // Large enough that the blocks, not the messages, make the step.
    const config: TrainConfigInput = {
      ...TINY,
      modelOptions: { layers: 6, width: 128, heads: 4, patch: 4 },
      devices: 'cpu:2',
      pipeline: 2,
      replicas: 1,
      schedule: '1f1b',
      steps: 30,
      replan: 'auto',
      programCache,
    };
    const kept = openKeptResults(programCache, 256);
    const setup = await setUpRun(trainConfigSchema.parse(config));
    // The first block costs an hour, it is said, and all others nothing: the first stage gets this one alone.
    const blocks = setup.model.blocks.map((_, i) => {
      const ms = i === 0 ? 3.6e6 : 1e-3;
      return {
        forwardMs: ms,
        backwardMs: ms,
        inputGradientMs: ms,
        weightGradientMs: ms,
        gradientBytes: 1000,
        savedBytes: 1000,
        carriedBytes: 0,
        copyBytes: 0,
        outputBytes: 1000,
      };
    });
    kept?.disk.put(
      costKey(setup, kept.codeDigest),
      Buffer.from(
        JSON.stringify({
          type: 'costs',
          blocks,
          readMsPerMb: { f32: 1, f16: 1, bf16: 1, i8: 1 },
          updateMsPerMb: 1,
          trust: { othersShare: 0, spread: 0 },
          handover: null,
        }),
      ),
    );

    const run = await trainRun(config);
    expect(run.of('costs.measured')[0]?.isCached).toBe(true);
    const [off] = run.of('prediction.off');
    expect(off).toMatchObject({ generation: 0, steps: 20 });
    expect(off?.predictedStepMs).toBeGreaterThan(3.6e6);
    expect(off?.measuredStepMs).toBeLessThan(3.6e6);
    expect(run.of('prediction.off')).toHaveLength(1);
    // All blocks but one were on the second worker; no noise makes that look right.
    expect(off?.isReplanned, off?.reason).toBe(true);
    expect(run.of('plan.made').map(({ generation, K, R }) => [generation, K, R])).toEqual([
      [0, 2, 1],
      [1, 2, 1],
    ]);
    expect(run.of('step').at(-1)?.generation).toBe(1);

    const plain = await trainRun({ ...config, devices: 'cpu:1', pipeline: 1, replan: 'off', programCache: 'off' });
    expect([run.finished.lossSha256, run.finished.weightsSha256]).toEqual([
      plain.finished.lossSha256,
      plain.finished.weightsSha256,
    ]);

    // Steps so far from the prediction say that one of both was disturbed.
    const next = await trainRun({ ...config, steps: 1 });
    expect(next.of('costs.measured')[0]?.isCached).toBe(false);
    expect(next.of('plan.made')[0]?.predictedStepMs).toBeLessThan(3.6e6);
  });
});
