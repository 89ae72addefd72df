// From what is frozen to the next plan: pure, with costs made up here.
import { describe, expect, it } from 'vitest';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { blocksOf, holdersOf, seatOf, shapeOf } from '../../engine/core/plan.js';
import { becauseFrozen } from '../../engine/planning/planned.js';
import { basisOf, PlanSequence, workersNamed } from './plan-sequence.js';

const COSTS = Array.from({ length: 10 }, (_, i) => ({
  name: `block${i}`,
  forwardMs: 1,
  backwardMs: 2,
  parameterBytes: 4e6,
  optimizerBytes: 8e6,
  gradientBytes: 4e6,
  savedBytes: 1e6,
  outputBytes: 1e5,
}));

const plans = (changes: Partial<TrainConfigInput>, workers = 4): PlanSequence =>
  new PlanSequence(basisOf(changes, { costs: COSTS, workers: workersNamed(workers) }));
const at = (frozen: number, epochsLeft = 10) => ({ frozen, frozenLayers: frozen / 2, epochsLeft, because: 'a test' });

describe('the first plan', () => {
  it('has the shape that is asked for and covers every block and micro-batch once', () => {
    const { plan } = plans({ pipeline: 2, replicas: 2 }).next(at(0));
    expect(shapeOf(plan)).toEqual({ K: 2, R: 2 });
    expect(plan.replicas.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => start + i))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
    for (const { stages } of plan.replicas)
      expect(stages.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual(
        COSTS.map((_, i) => i),
      );
    expect(new Set(plan.replicas.flatMap(({ stages }) => stages.map(({ worker }) => worker))).size).toBe(4);
  });
  it('takes plain replicas where nothing is asked for and memory is no limit', () => {
    expect(shapeOf(plans({}).next(at(0)).plan)).toEqual({ K: 1, R: 4 });
  });
});

describe('a preview', () => {
  it('is the plan that comes next, and leaves no trace', () => {
    const [asked, other] = [plans({ pipeline: 2, replicas: 1 }, 2), plans({ pipeline: 2, replicas: 1 }, 2)];
    asked.next(at(0));
    other.next(at(0));
    const previews = [asked.preview(at(3)).plan, asked.preview(at(7)).plan];
    expect(previews[1]).toEqual(other.next(at(7)).plan);
    expect(asked.next(at(7)).plan).toEqual(previews[1]);
    expect(shapeOf(asked.history.first)).toEqual({ K: 2, R: 1 });
  });
});

describe('a plan after freezing', () => {
  it('shortens a given pipeline only when what is left fits into the largest stage of the start', () => {
    const run = plans({ pipeline: 2, replicas: 1 }, 2);
    run.next(at(0));
    expect(shapeOf(run.next(at(1)).plan)).toEqual({ K: 2, R: 1 });
    expect(shapeOf(run.next(at(7)).plan)).toEqual({ K: 1, R: 2 });
  });
  it('shortens the pipeline without adding replicas where --dp is pipe', () => {
    const run = plans({ pipeline: 2, replicas: 1, dp: 'pipe' }, 4);
    run.next(at(0));
    const { plan, event } = run.next(at(9));
    expect(shapeOf(plan)).toEqual({ K: 1, R: 1 });
    expect(event.idle).toHaveLength(3);
  });
  it('keeps the shape where --dp is off', () => {
    const run = plans({ pipeline: 2, replicas: 1, dp: 'off' }, 2);
    run.next(at(0));
    const { plan } = run.next(at(7));
    expect(shapeOf(plan)).toEqual({ K: 2, R: 1 });
    expect(seatOf(plan, 'w0')?.stages[0]?.from).toBe(7);
  });
  it('with --dp off shortens the pipeline all the same when fewer blocks than stages are left', () => {
    const run = plans({ pipeline: 4, replicas: 1, dp: 'off' });
    run.next(at(0));
    expect(shapeOf(run.next(at(8)).plan).K).toBe(2);
  });
  it('names a worker that has each block as its source, and keeps workers in their places', () => {
    const run = plans({ pipeline: 2, replicas: 1 }, 2);
    const first = run.next(at(0)).plan;
    const second = run.next(at(7)).plan;
    for (const [block, source] of second.sources.entries()) {
      const { active, frozen } = blocksOf(first, source ?? '');
      expect([...active, ...frozen]).toContain(block);
    }
    expect(second.replicas[0]?.stages[0]?.worker).toBe(first.replicas[0]?.stages[0]?.worker);
    expect(second.generation).toBe(first.generation + 1);
    expect(holdersOf(second, 8)).toHaveLength(2);
  });
  it('uses the cache where samples will be read again, and not in the last epoch', () => {
    const run = plans({ pipeline: 1, replicas: 1 }, 1);
    run.next(at(0));
    const { plan, cacheReason } = run.next(at(6, 0.5));
    expect(plan.usesCache).toBe(false);
    expect(cacheReason).toMatch(/no sample will be read again/);
  });
  it('keeps using a cache that is full in the last epoch too, also as more freezes', () => {
    const run = plans({ pipeline: 1, replicas: 1 }, 1);
    run.next(at(0));
    expect(run.next(at(4, 10)).plan.usesCache).toBe(true);
    const { plan, cacheReason } = run.next(at(6, 0.5));
    expect(plan).toMatchObject({ usesCache: true, previousCacheDepth: 4 });
    expect(cacheReason).toMatch(/0 reads and the level before save/);
    expect(run.next(at(6, 0.2)).plan).toMatchObject({ usesCache: true, previousCacheDepth: null });
  });
  it('predicts the average of the epoch that fills the cache and those that read it, and tells both', () => {
    const stepMs = (epochsLeft: number) => {
      const run = plans({ pipeline: 1, replicas: 1 }, 1);
      run.next(at(0));
      return run.next(at(6, epochsLeft)).event;
    };
    const { predictedStepMs, predictedFillMs = 0, predictedReadMs = 0 } = stepMs(4);
    expect(predictedFillMs).toBeGreaterThan(predictedReadMs);
    expect(predictedStepMs).toBeCloseTo((predictedFillMs + 3 * predictedReadMs) / 4, 9);
    expect(stepMs(100).predictedStepMs).toBeLessThan(predictedStepMs);
  });
  it('goes back to the shape it had, and without the deeper cache, where less is frozen than before', () => {
    const run = plans({ pipeline: 2, replicas: 1 }, 2);
    run.next(at(0));
    run.next(at(5));
    const short = run.next(at(7)).plan;
    expect(shapeOf(short)).toEqual({ K: 1, R: 2 });
    const long = run.next(at(5)).plan;
    expect(shapeOf(long)).toEqual({ K: 2, R: 1 });
    expect(long.reason).toMatch(/; the shape goes back to the one that it had with 5 blocks frozen$/);
    expect(long).toMatchObject({ frozen: 5, previousCacheDepth: null, generation: short.generation + 1 });
    expect(long.replicas[0]?.stages[0]?.from).toBe(5);
    // and from there on as before
    expect(shapeOf(run.next(at(7)).plan)).toEqual({ K: 1, R: 2 });
  });
  it('takes the shape it was asked for where a run that began with frozen blocks unfreezes them', () => {
    const run = plans({ pipeline: 2, replicas: 1 }, 2);
    run.next(at(7));
    expect(shapeOf(run.next(at(0)).plan)).toEqual({ K: 2, R: 1 });
    expect(shapeOf(run.next(at(7)).plan)).toEqual({ K: 1, R: 2 });
  });
  it('keeps the level before readable when the depth grows', () => {
    const run = plans({ pipeline: 1, replicas: 1 }, 1);
    run.next(at(0));
    expect(run.next(at(4)).plan.previousCacheDepth).toBeNull();
    expect(run.next(at(6)).plan.previousCacheDepth).toBe(4);
  });
});

it.each([
  [1, '1 layer is frozen'],
  [2, '2 layers are frozen'],
])('a plan for %d frozen layers is made because %s', (layers, because) => {
  expect(becauseFrozen(layers)).toBe(because);
});

describe('a plan for a model that has grown', () => {
  const small = { absent: [3, 4, 7, 8], born: [], asIdentity: false };
  const whole = { absent: [], born: small.absent.map((block) => ({ block, like: block - 2 })), asIdentity: false };
  const grown = (changes: Partial<TrainConfigInput>, workers = 4) => {
    const run = plans(changes, workers);
    const before = run.next({ ...at(0), growth: small }).plan;
    return { run, before, after: run.next({ ...at(0), growth: whole }).plan };
  };
  it('lengthens the pipeline and takes replicas back where memory asks for it', () => {
    const { before, after } = grown({ memoryLimit: '120MB' });
    expect([shapeOf(before), shapeOf(after)]).toEqual([
      { K: 1, R: 4 },
      { K: 2, R: 2 },
    ]);
  });
  it('gives each stage a block that is there, and nobody one that is not', () => {
    const { before, after } = grown({ pipeline: 3, replicas: 1 }, 3);
    const held = ['w0', 'w1', 'w2'].flatMap((worker) => blocksOf(before, worker).active);
    expect(held.sort((a, b) => a - b)).toEqual([0, 1, 2, 5, 6, 9]);
    for (const { from, to } of before.replicas[0]?.stages ?? [])
      expect(small.absent).not.toContain(from === to ? -1 : from);
    expect(before.replicas[0]?.stages.at(-1)?.to).toBe(10);
    expect(after.replicas[0]?.stages.map(({ from, to }) => to - from).reduce((sum, count) => sum + count)).toBe(10);
  });
  it('names a worker that has the block whose copy a new one is', () => {
    const { before, after } = grown({ pipeline: 2, replicas: 1 }, 2);
    for (const { block, like } of whole.born)
      expect(blocksOf(before, after.sources[block] ?? '').active).toContain(like);
  });
  it('keeps the shape where --dp is off, and the number of replicas where it is pipe', () => {
    expect(shapeOf(grown({ dp: 'off', memoryLimit: '120MB' }, 4).after)).toEqual({ K: 1, R: 4 });
    const { before, after } = grown({ dp: 'pipe', pipeline: 1, replicas: 2, memoryLimit: '120MB' });
    expect([shapeOf(before), shapeOf(after)]).toEqual([
      { K: 1, R: 2 },
      { K: 2, R: 2 },
    ]);
  });
  it('shortens again as layers freeze', () => {
    const { run } = grown({ pipeline: 2, replicas: 1 }, 2);
    expect(shapeOf(run.next(at(7)).plan)).toEqual({ K: 1, R: 2 });
  });
});
