// What of measured costs outlives a run, by made-up measurements and a folder of results that is real.
import { expect, test } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import { DiskCache } from '../../engine/core/disk-cache.js';
import { type CostSource, runCosts } from '../../engine/costs/run-costs.js';
import { setUpRun } from '../../engine/run/run-setup.js';
import type { KeptResults } from '../../engine/tensor/program-shelf.js';
import { scratch } from '../scratch.js';
import { TINY } from '../trainer/train-run.js';

const setup = await setUpRun(trainConfigSchema.parse(TINY));
const again = await setUpRun(trainConfigSchema.parse({ ...TINY, costs: 'measure' }));

/** Workers that measure while others have this share of the time. */
const measuring = (othersShare: number): CostSource => ({
  cacheFolder: null,
  measureCosts: () =>
    Promise.resolve({
      type: 'costs',
      blocks: setup.model.blocks.map(() => ({
        forwardMs: 1,
        backwardMs: 2,
        inputGradientMs: 1,
        weightGradientMs: 1,
        gradientBytes: 1,
        savedBytes: 1,
        carriedBytes: 0,
        copyBytes: 0,
        outputBytes: 1,
      })),
      readMsPerMb: { none: 1, bf16: 1, int8: 1 },
      updateMsPerMb: 1,
      trust: { othersShare, spread: 0 },
      handover: null,
    }),
});

const nothingKept = (): KeptResults => ({ disk: new DiskCache(scratch(), 2 ** 20), codeDigest: 'code' });
const asPredicted = { predictedStepMs: 10, measuredStepMs: 10 };
const contradicted = { predictedStepMs: 10, measuredStepMs: 90 };
const isKnown = async (kept: KeptResults): Promise<boolean> =>
  (await runCosts(setup, measuring(0), kept)).event.isCached;

test('costs that were measured well are known to the next run, as steps have corrected them', async () => {
  const kept = nothingKept();
  const { costs, keep } = await runCosts(setup, measuring(0.2), kept);
  keep(
    costs.map((cost) => ({ ...cost, forwardMs: 7 })),
    asPredicted,
  );
  const next = await runCosts(setup, measuring(0), kept);
  expect(next.event.isCached).toBe(true);
  expect(next.costs.map(({ forwardMs }) => forwardMs)).toEqual(costs.map(() => 7));
});

test('costs that were measured under load are not kept, whatever steps make of them', async () => {
  const kept = nothingKept();
  const { costs, keep, event } = await runCosts(setup, measuring(0.5), kept);
  expect(event.trust).toEqual({ othersShare: 0.5, spread: 0, isGood: false });
  keep(costs, asPredicted);
  expect(await isKnown(kept)).toBe(false);
});

test('costs that steps contradict are dropped, but not for a later measurement under load', async () => {
  const kept = nothingKept();
  const { costs, keep } = await runCosts(setup, measuring(0), kept);
  (await runCosts(again, measuring(0.5), kept)).keep(costs, contradicted);
  expect(await isKnown(kept)).toBe(true);
  keep(costs, contradicted);
  expect(await isKnown(kept)).toBe(false);
});
