// The runs of tests themselves: none is made while tests are collected, and those that are wanted more than once are
// made once.
import { expect, it } from 'vitest';
import type { RunFolder } from '../../engine/run/run-folder.js';
import { trainInto } from './run-on-disk.js';
import { referenceRun, trainRun } from './train-run.js';

const refusals = [
  () => trainRun({ steps: 1 }),
  () => referenceRun({ steps: 1 }),
  () => trainInto({} as RunFolder, { steps: 1 }),
].map(async (begin) => {
  try {
    await begin();
    return 'it was made';
  } catch (error) {
    return String(error);
  }
});

it('a run that is begun while tests are collected is refused, and told where it belongs', async () => {
  for (const refusal of await Promise.all(refusals))
    expect(refusal).toMatch(/while vitest collects tests: .*inside a test or a hook/);
});

it('a reference run is made once for the same settings, in whatever order they are given', async () => {
  const one = referenceRun({ steps: 1, seed: 3 });
  expect(referenceRun({ seed: 3, steps: 1 })).toBe(one);
  expect(referenceRun({ seed: 4, steps: 1 })).not.toBe(one);
  expect((await one).finished.steps).toBe(1);
  expect((await referenceRun({ seed: 4, steps: 1 })).finished.lossSha256).not.toBe((await one).finished.lossSha256);
});
