// The models of examples/: from one worker to a pipeline to replicas and back, with some blocks frozen in between, the
// losses and weights are those of one worker to the bit.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../engine/data/open-dataset.js';
import { buildModel, loadModelDefinition } from '../../engine/model/load-model.js';
import { sharingBlocks } from '../../engine/model/shared-parameters.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import { ALONE, Crew, type CrewSubject, holders, planOf, REPLICAS, type Shape } from './crew.js';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
const TEXT = ['synthetic:copy', { samples: 24, sequence: 8, symbols: 6 }] as const;
const PICTURES = ['synthetic:digits', { samples: 24, size: 9 }] as const;
const CASES: Readonly<Record<string, readonly [object, typeof TEXT | typeof PICTURES]>> = {
  'conv-vit.ts': [{ width: 8, layers: 2, heads: 2 }, PICTURES],
  'experts.ts': [{ width: 8, layers: 1, heads: 2, experts: 3 }, TEXT],
  'llama.ts': [{ width: 8, layers: 2, heads: 2, kvHeads: 1 }, TEXT],
  'my-model.ts': [{ width: 8, layers: 1, heads: 2 }, TEXT],
  't5.ts': [{ width: 8, layers: 1, heads: 2 }, TEXT],
  'two-towers.ts': [{ width: 8, layers: 2, heads: 2 }, TEXT],
};

const crews: Crew[] = [];
afterAll(async () => void (await Promise.all(crews.map((crew) => crew.close()))));

/** Two steps in each of three plans, of which the one in the middle freezes the first two blocks. */
async function trained(subject: CrewSubject, whole: Shape, frozen: Shape, last: Shape): Promise<unknown[]> {
  const crew = await Crew.open(subject);
  crews.push(crew);
  const groups = sharingBlocks(subject.model.blocks);
  const together = groups.length === 0 ? {} : { shared: groups };
  let plan = planOf(1, whole, together, subject);
  await crew.adopt(plan);
  const losses = await crew.train(plan, 0, 2);
  plan = planOf(2, frozen, { ...together, frozen: 2, sources: holders(plan) }, subject);
  await crew.adopt(plan);
  losses.push(...(await crew.train(plan, 2, 4)));
  const sources = holders(plan).map((worker) => worker || 'w0');
  plan = planOf(3, last, { ...together, frozenBefore: 2, sources }, subject);
  await crew.adopt(plan);
  losses.push(...(await crew.train(plan, 4, 6)));
  return [losses, crew.weights(plan)];
}

/** No model: a program that trains, which `npm run smoke` runs. */
const PROGRAM = 'train.ts';

describe('the examples', () => {
  it('are all tried', () => {
    expect(
      readdirSync(folder)
        .filter((name) => name.endsWith('.ts') && name !== PROGRAM)
        .sort(),
    ).toEqual(Object.keys(CASES));
  });

  it.each(Object.entries(CASES))('%s trains to the same bits in every shape', async (name, [options, [kind, data]]) => {
    const dataset = openDataset(kind, { ...data });
    const model = buildModel(await loadModelDefinition(folder + name), { ...options }, dataset.info);
    const subject = { dataset, model, lanes: vectorLanes() };
    // prettier-ignore
    const pipeline: Shape = [[['w0', 0], ['w1', 2]]];
    const alone = await trained(subject, ALONE, [[['w0', 2]]], ALONE);
    expect(await trained(subject, pipeline, [[['w0', 2]], [['w1', 2]]], REPLICAS)).toEqual(alone);
    const [losses] = alone as [number[]];
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(new Set(losses).size).toBe(6);
  });
});
