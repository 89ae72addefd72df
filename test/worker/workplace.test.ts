// Workplaces hold the seats of a plan without a coordinator: every shape has the bits of every other, a change of plan
// loses none, and a plan that is not in force is not obeyed.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stateCopyFile, statesFile } from '../../engine/dp/memory-names.js';
import { readMemory } from '../../engine/tensor/memory-copy.js';
import { busySystemThreads } from './busy-threads.js';
import { ALONE, Crew, holders, PIPELINE, planOf, REPLICAS, type Shape } from './crew.js';

let crew: Crew;
beforeEach(async () => {
  crew = await Crew.open();
});
afterEach(() => crew.close());

/** Losses and parameters of four steps on one worker. */
async function fourStepsAlone(): Promise<{ losses: number[]; weights: number[][] }> {
  const other = await Crew.open();
  try {
    const plan = planOf(1, ALONE);
    await other.adopt(plan);
    return { losses: await other.train(plan, 0, 4), weights: other.weights(plan) };
  } finally {
    await other.close();
  }
}

/** The parameters of a block as its copy has them. */
function readCopy(block: number, length: number): number[] {
  const copy = new Float32Array(length);
  readMemory(stateCopyFile(crew.at('w0').equipment.place.folder, block, 'weights'), 0, copy);
  return [...copy];
}

describe('the seats of a plan', () => {
  it.each<[string, Shape]>([
    ['a pipeline of two stages', PIPELINE],
    ['two replicas', REPLICAS],
  ])('have the bits of one worker: %s', async (_, shape) => {
    const plan = planOf(1, shape);
    await crew.adopt(plan);
    const losses = await crew.train(plan, 0, 4);
    expect({ losses, weights: crew.weights(plan) }).toEqual(await fourStepsAlone());
    expect(new Set(losses).size).toBe(4);
  });

  it('keep them where one plan follows on another', async () => {
    const first = planOf(1, PIPELINE);
    await crew.adopt(first);
    const begun = await crew.train(first, 0, 2);
    const second = planOf(2, REPLICAS, { sources: holders(first) });
    await crew.adopt(second);
    crew.at('w0').leaveFormer();
    const losses = [...begun, ...(await crew.train(second, 2, 4))];
    expect({ losses, weights: crew.weights(second) }).toEqual(await fourStepsAlone());
  });

  it('train blocks that were frozen without a look at states that another worker is making just now', async () => {
    const frozen: Shape = [[['w0', 2]], [['w1', 2]]];
    await crew.adopt(planOf(1, frozen, { frozen: 2 }));
    const { folder } = crew.at('w1').equipment.place;
    for (const block of [0, 1]) writeFileSync(statesFile(folder, 'w0', block), '');
    const sources = holders(planOf(1, ALONE));
    await crew.prepare('w1', planOf(2, REPLICAS, { sources, frozenBefore: 2 }));
    for (const block of [0, 1])
      expect(
        crew
          .at('w1')
          .equipment.place.store.parts(block)
          .states?.every((state) => state === 0),
      ).toBe(true);
  });

  it('keep them where the work was given up and state is restored from a snapshot', async () => {
    const first = planOf(1, ALONE);
    await crew.adopt(first);
    const begun = await crew.train(first, 0, 2);
    const written = crew.at('w0').writeSnapshot(1, 1, 7);
    await crew.train(first, 2, 3);
    expect(await written).toEqual({ type: 'snapshot-written', step: 1, version: 7, problem: null });
    const lost = planOf(2, PIPELINE, { sources: holders(first) });
    await crew.prepare('w0', lost);
    for (const worker of ['w0', 'w1']) crew.at(worker).abandon();
    const third = planOf(3, REPLICAS, { restore: { kind: 'snapshot', version: 7 } });
    await crew.adopt(third);
    const losses = [...begun, ...(await crew.train(third, 2, 4))];
    expect({ losses, weights: crew.weights(third) }).toEqual(await fourStepsAlone());
  });
});

describe('initial values', () => {
  it('are drawn in shares by the workers that need them, and are those that one draws alone', async () => {
    await crew.adopt(planOf(1, ALONE));
    const alone = crew.weights(planOf(1, ALONE));
    const other = await Crew.open();
    try {
      const plan = planOf(1, REPLICAS);
      const weightsOf = (worker: string): number[][] =>
        alone.map((_, block) => [...other.at(worker).equipment.place.store.weights(block)]);
      for (const worker of ['w0', 'w1']) await other.prepare(worker, plan);
      const [zeros = 0, zerosOfBoth = 0] = [alone, [...weightsOf('w0'), ...weightsOf('w1')]].map(
        (weights) => weights.flat().filter((value) => value === 0).length,
      );
      // What is not drawn is not shared, and each has drawn a half.
      const drawn = alone.flat().length - zeros;
      expect(zerosOfBoth).toBeGreaterThan(2 * zeros + 0.9 * drawn);
      for (const worker of ['w0', 'w1']) await other.at(worker).activate(1);
      expect([weightsOf('w0'), weightsOf('w1')]).toEqual([alone, alone]);
    } finally {
      await other.close();
    }
  });
});

describe('a copy of the state', () => {
  it('is made beside the next step, whose update waits for it', async () => {
    const plan = planOf(1, ALONE);
    const w0 = crew.at('w0');
    await crew.adopt(plan);
    await crew.train(plan, 0, 1);
    const before = crew.weights(plan);
    const release = await busySystemThreads();
    const copied = w0.copyState(1);
    let isTrained = false;
    const trained = crew.train(plan, 1, 2).then(() => (isTrained = true));
    // Far longer than the step takes; that it is not over may be true by accident, what is copied may not.
    await sleep(100);
    expect(isTrained).toBe(false);
    expect(crew.weights(plan)).toEqual(before);
    release();
    await trained;
    expect(await copied).toMatchObject({ type: 'state-copied', generation: 1, problem: null });
    expect(before.map((weights, block) => readCopy(block, weights.length))).toEqual(before);
    expect(crew.weights(plan)).not.toEqual(before);
  });

  it('is told of by nobody once the work was given up, and is over before state is restored', async () => {
    const plan = planOf(1, ALONE);
    const w0 = crew.at('w0');
    await crew.adopt(plan);
    await crew.train(plan, 0, 1);
    await w0.writeSnapshot(1, 0, 2);
    const weights = crew.weights(plan);
    await crew.train(plan, 1, 2);
    const release = await busySystemThreads();
    const copied = w0.copyState(1);
    w0.abandon();
    crew.at('w1').abandon();
    const next = planOf(2, ALONE, { restore: { kind: 'snapshot', version: 2 } });
    const adopted = crew.adopt(next);
    await sleep(50);
    expect(crew.weights(plan)).not.toEqual(weights);
    release();
    await adopted;
    expect(await copied).toBeNull();
    expect(crew.weights(next)).toEqual(weights);
  });
});

describe('a plan that is not in force', () => {
  it('is neither activated, nor obeyed, nor followed by an older one', async () => {
    const w0 = crew.at('w0');
    const code = (code: string) => expect.objectContaining({ code }) as unknown;
    expect(() => w0.at(0)).toThrow(code('PT_STALE_PLAN'));
    await crew.prepare('w0', planOf(4, ALONE));
    expect(() => w0.at(4)).toThrow(code('PT_PROTOCOL'));
    await expect(w0.activate(3)).rejects.toThrow(code('PT_STALE_PLAN'));
    await w0.activate(4);
    expect(w0.at(4).plan.generation).toBe(4);
    await expect(crew.prepare('w0', planOf(4, ALONE))).rejects.toThrow(code('PT_STALE_PLAN'));
    expect(() => w0.writeSnapshot(3, 0, 1)).toThrow(code('PT_STALE_PLAN'));
    w0.abandon();
    expect(() => w0.at(4)).toThrow(code('PT_PROTOCOL'));
  });

  it('leaves a worker without a seat that it leaves out, and without snapshots to write', async () => {
    await crew.adopt(planOf(1, ALONE));
    expect(crew.at('w1').at(1).seating).toBeNull();
    expect(crew.at('w1').equipment.place.store.blocks).toEqual([]);
    expect(await crew.at('w1').writeSnapshot(1, 0, 1)).toBeNull();
  });
});
