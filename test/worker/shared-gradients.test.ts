// A parameter of three blocks, at another place in the slab of each: the weights are the same to the bit wherever the
// blocks lie, on workers that share memory and on workers that do not, with some of the blocks frozen, too.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../engine/core/plan.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { bias, defineBlock, defineInputBlock, gain, matrix, shared } from '../../engine/model/define-block.js';
import { sharingBlocks } from '../../engine/model/shared-parameters.js';
import { entryView } from '../../engine/model/slab.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import * as nn from '../../engine/tensor/nn.js';
import * as tf from '../../engine/tensor/tf.js';
import { ALONE, Crew, type CrewSubject, holders, planOf, REPLICAS, type Shape } from './crew.js';

/** Three chunks, so that two replicas cut it in each block elsewhere. */
const [D, WORDS] = [40, 1001];

const embed = defineInputBlock({
  name: 'embed',
  kind: 'embedding',
  params: { tokens: matrix([WORDS, D], 0.3), scale: gain(D) },
  forward: (p, context) => tf.mul(nn.embedding(context.field('tokens'), p.tokens), p.scale),
});
const plain = defineBlock({
  name: 'layer0',
  kind: 'mlp',
  layer: 0,
  params: { w: matrix([D, D]) },
  forward: (x, p) => tf.add(x, tf.relu(nn.linear(x, p.w))),
});
const memory = defineBlock({
  name: 'layer1',
  kind: 'mlp',
  layer: 1,
  params: { w: matrix([D, 24]), up: matrix([24, D]), table: shared(embed, 'tokens') },
  forward(x, p) {
    const recalled = nn.linear(tf.softmax(nn.linear(x, tf.transpose(p.table))), p.table);
    return tf.add(x, tf.add(recalled, nn.linear(tf.relu(nn.linear(x, p.w)), p.up)));
  },
});
const head = defineBlock({
  name: 'head',
  kind: 'head',
  params: { first: matrix([D, D]), b: bias(WORDS), out: shared(embed, 'tokens') },
  forward: (x, p) => tf.add(nn.linear(nn.linear(x, p.first), tf.transpose(p.out)), p.b),
});
const blocks = [embed, plain, memory, head];

const subject: CrewSubject = {
  dataset: openDataset('synthetic:copy', { samples: 60, sequence: 6, symbols: WORDS - 1 }),
  model: {
    name: 'shared',
    blocks,
    loss: (y, context) => tf.mean(nn.crossEntropy(y, context.field('targets')), -1),
    score: null,
    metric: { name: 'loss', higherIsBetter: false },
  },
  lanes: vectorLanes(),
};
// prettier-ignore
const PIPELINE: Shape = [[['w0', 0], ['w1', 2]]];
// prettier-ignore
const INTERLEAVED: Shape = [[['w0', 0], ['w1', 1], ['w0', 2], ['w1', 3]]];
const together = { shared: sharingBlocks(blocks) };

const crews: Crew[] = [];
async function open(isApart = false): Promise<Crew> {
  const crew = await Crew.open(subject, isApart);
  crews.push(crew);
  return crew;
}
afterAll(async () => void (await Promise.all(crews.map((crew) => crew.close()))));

/** The weights of all blocks; frozen ones are where the first stage is. */
const weightsOf = (crew: Crew, plan: Plan): number[][] =>
  holders(plan)
    .map((worker) => worker || 'w0')
    .map((worker, block) => [...crew.at(worker).equipment.place.store.weights(block)]);

async function trained(shape: Shape, isApart: boolean, more: Partial<Plan> = {}): Promise<number[][]> {
  const crew = await open(isApart);
  const plan = planOf(1, shape, { ...together, ...more }, subject);
  await crew.adopt(plan);
  await crew.train(plan, 0, 3);
  return weightsOf(crew, plan);
}

/** One step in one shape with all blocks, two in another one with two blocks frozen, one with all again. */
async function thawed(first: Shape, second: Shape, isApart: boolean): Promise<number[][][]> {
  const crew = await open(isApart);
  let plan = planOf(1, first, together, subject);
  await crew.adopt(plan);
  await crew.train(plan, 0, 1);
  plan = planOf(2, second, { ...together, frozen: 2, sources: holders(plan) }, subject);
  await crew.adopt(plan);
  await crew.train(plan, 1, 3);
  const frozen = weightsOf(crew, plan);
  const sources = holders(plan).map((worker) => worker || 'w0');
  plan = planOf(3, first, { ...together, frozenBefore: 2, sources }, subject);
  await crew.adopt(plan);
  await crew.train(plan, 3, 4);
  return [frozen, weightsOf(crew, plan)];
}

describe('the weights of a model with a shared parameter', () => {
  let expected: number[][];
  beforeAll(async () => {
    expected = await trained(ALONE, false);
  });

  it.each<[string, Shape, boolean, Partial<Plan>]>([
    ['in a pipeline of two stages', PIPELINE, false, {}],
    ['in a pipeline of two hosts', PIPELINE, true, {}],
    ['in an interleaved pipeline', INTERLEAVED, false, { schedule: 'interleaved' }],
    ['in an interleaved pipeline of two hosts', INTERLEAVED, true, { schedule: 'interleaved' }],
    ['on two replicas', REPLICAS, false, {}],
    ['on two replicas of two hosts', REPLICAS, true, {}],
  ])('are those of one worker %s', async (_, shape, isApart, more) => {
    expect(await trained(shape, isApart, more)).toEqual(expected);
  });

  it('are equal wherever it lies', () => {
    const { layouts } = crews[0]?.at('w0').equipment.subject ?? { layouts: [] };
    const [table, ...others] = [0, 2, 3].map((block) => {
      const entry = layouts[block]?.entries.find(({ shape }) => shape[0] === WORDS && shape.length === 2);
      return entry === undefined ? [] : [...entryView(Float32Array.from(expected[block] ?? []), entry)];
    });
    expect(table).toHaveLength(WORDS * D);
    expect(others).toEqual([table, table]);
  });

  it('are equal where two blocks are frozen for a while, in every shape', async () => {
    const alone = await thawed(ALONE, [[['w0', 2]]], false);
    const [frozen = []] = alone;
    expect(frozen[0]?.slice(0, WORDS * D)).toEqual(frozen[3]?.slice(D * D, D * D + WORDS * D));
    // prettier-ignore
    expect(await thawed(PIPELINE, [[['w0', 2], ['w1', 3]]], false)).toEqual(alone);
    // prettier-ignore
    expect(await thawed(REPLICAS, [[['w0', 2], ['w1', 3]]], true)).toEqual(alone);
    expect(await thawed(PIPELINE, [[['w0', 2]], [['w1', 2]]], true)).toEqual(alone);
  });
});
