// Workplaces hold the seats of a plan without a coordinator: every shape has the bits of every other, a change of plan
// loses none, and a plan that is not in force is not obeyed.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

  it('keep them where the work was given up and state is restored from a snapshot', async () => {
    const first = planOf(1, ALONE);
    await crew.adopt(first);
    const begun = await crew.train(first, 0, 2);
    expect(crew.at('w0').writeSnapshot(1, 1, 7)).toEqual({
      type: 'snapshot-written',
      step: 1,
      version: 7,
      problem: null,
    });
    await crew.train(first, 2, 3);
    const lost = planOf(2, PIPELINE, { sources: holders(first) });
    await crew.prepare('w0', lost);
    for (const worker of ['w0', 'w1']) crew.at(worker).abandon();
    const third = planOf(3, REPLICAS, { restore: { kind: 'snapshot', version: 7 } });
    await crew.adopt(third);
    const losses = [...begun, ...(await crew.train(third, 2, 4))];
    expect({ losses, weights: crew.weights(third) }).toEqual(await fourStepsAlone());
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
    expect(crew.at('w1').writeSnapshot(1, 0, 1)).toBeNull();
  });
});
