// What stays on a device and what crosses in a step, counted to the byte, on memory of libtorch's own on the processor;
// and the same bits however the blocks are divided. Skipped where no PyTorch is installed, with the reason.
import { expect, test } from 'vitest';
import { CHUNK, numChunks } from '../../engine/comm/chunks.js';
import type { Plan } from '../../engine/core/plan.js';
import { slabLayout } from '../../engine/model/slab.js';
import { findTorch } from '../../engine/tensor/libtorch/find-torch.js';
import { LibtorchExecutor } from '../../engine/tensor/libtorch/libtorch-executor.js';
import { obstacleTo } from '../tensor/obstacle.js';
import {
  ALONE,
  Crew,
  holders,
  MICRO_BATCH,
  NUM_MICRO_BATCHES,
  PIPELINE,
  planOf,
  REPLICAS,
  type Shape,
  subjectOf,
} from './crew.js';

const WIDTH = 8;
const SIZE = 8;
const PATCH = 4;
const subject = {
  ...subjectOf('vit', { layers: 2, width: WIDTH, heads: 2, patch: PATCH }, 'digits', { samples: 40, size: SIZE }),
  open: () => new LibtorchExecutor(findTorch(), { type: 'cpu', index: 0 }, { threads: 1 }),
};
const { model } = subject;
const layouts = model.blocks.map(slabLayout);

const FLOAT = 4;
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
/** Pixels; label; weight of the sample in the loss. */
const IMAGES = FLOAT * MICRO_BATCH * SIZE * SIZE;
const TARGETS = 2 * FLOAT * MICRO_BATCH;
/** What leaves a block of a micro-batch: a row per patch. */
const ACTIVATION = FLOAT * MICRO_BATCH * (SIZE / PATCH) ** 2 * WIDTH;
/** Scale, decay, rate and momentum for the weights of a block that decay, and for the others. */
const scalars = (blocks: readonly number[]): number =>
  sum(blocks.map((block) => 4 * FLOAT * (layouts[block]?.segments.length ?? 0)));
/** A float64 per chunk of gradient. */
const squares = (blocks: readonly number[]): number =>
  sum(blocks.map((block) => 8 * numChunks(layouts[block]?.length ?? 0)));

interface Crossing {
  readonly toDevice: number;
  readonly toHost: number;
}

interface Trained {
  readonly losses: readonly number[];
  readonly weights: readonly (readonly number[])[];
  /** Of one step, by worker. */
  readonly crossed: ReadonlyMap<string, Crossing>;
}

/** Five steps, of which the fourth is looked at. */
async function trained(plan: Plan): Promise<Trained> {
  const crew = await Crew.open(subject);
  try {
    await crew.adopt(plan);
    const workers = [...new Set(plan.replicas.flatMap(({ stages }) => stages.map(({ worker }) => worker)))];
    const read = (): Crossing[] =>
      workers.map((worker) => {
        const { memory } = crew.at(worker).equipment.device.executor;
        return { toDevice: memory?.traffic.toDevice ?? NaN, toHost: memory?.traffic.toHost ?? NaN };
      });
    const losses = await crew.train(plan, 0, 3, true);
    const before = read();
    losses.push(...(await crew.train(plan, 3, 4, true)));
    const crossed = new Map(
      read().map(({ toDevice, toHost }, i) => [
        workers[i] ?? '',
        { toDevice: toDevice - (before[i]?.toDevice ?? 0), toHost: toHost - (before[i]?.toHost ?? 0) },
      ]),
    );
    losses.push(...(await crew.train(plan, 4, 5)));
    return { losses, weights: plan.frozen === 0 ? crew.weights(plan) : [], crossed };
  } finally {
    await crew.close();
  }
}

const reason = await obstacleTo('torch-cpu');
if (reason !== null) test.skip(`a device (skipped: ${reason})`, () => undefined);
else suite();

function suite(): void {
  const all = model.blocks.map((_, block) => block);

  test('a worker alone is given its batch, and gives back losses and the terms of the norm', async () => {
    const { crossed } = await trained(planOf(1, ALONE, {}, subject));
    expect(crossed.get('w0')).toEqual({
      toDevice: NUM_MICRO_BATCHES * (IMAGES + TARGETS) + scalars(all),
      toHost: NUM_MICRO_BATCHES * FLOAT + squares(all),
    });
  });

  test('in a pipeline, activations and gradients cross at the border, each once', async () => {
    const { crossed } = await trained(planOf(1, PIPELINE, {}, subject));
    const [lower, upper] = [all.slice(0, 2), all.slice(2)];
    expect(crossed.get('w0')).toEqual({
      toDevice: NUM_MICRO_BATCHES * (IMAGES + ACTIVATION) + scalars(lower),
      toHost: NUM_MICRO_BATCHES * ACTIVATION + squares(lower),
    });
    expect(crossed.get('w1')).toEqual({
      toDevice: NUM_MICRO_BATCHES * (ACTIVATION + TARGETS) + scalars(upper),
      toHost: NUM_MICRO_BATCHES * (FLOAT + ACTIVATION) + squares(upper),
    });
  });

  test('what is frozen stays there too: its output crosses, as a record that could be cached', async () => {
    const shape: Shape = [[['w0', 1]]];
    const { crossed } = await trained(planOf(1, shape, { frozen: 1 }, subject));
    expect(crossed.get('w0')).toEqual({
      toDevice: NUM_MICRO_BATCHES * (IMAGES + ACTIVATION + TARGETS) + scalars(all.slice(1)),
      toHost: NUM_MICRO_BATCHES * (ACTIVATION + FLOAT) + squares(all.slice(1)),
    });
  });

  test('replicas exchange their sums and what was reduced, and nothing else', async () => {
    const { crossed } = await trained(planOf(1, REPLICAS, {}, subject));
    const gradients = FLOAT * sum(layouts.map(({ length }) => length));
    for (const { toDevice, toHost } of crossed.values()) {
      expect(toDevice).toBe((NUM_MICRO_BATCHES / 2) * (IMAGES + TARGETS) + scalars(all) + gradients);
      // Every block fits one chunk, which one of the two reduces.
      expect(toHost - (NUM_MICRO_BATCHES / 2) * FLOAT - gradients).toBeLessThanOrEqual(squares(all));
    }
    expect(Math.max(...layouts.map(({ length }) => length))).toBeLessThanOrEqual(CHUNK);
  });

  test('has the same bits in every shape, and after a transition, as in one', async () => {
    const alone = await trained(planOf(1, ALONE, {}, subject));
    for (const shape of [PIPELINE, REPLICAS]) {
      const { losses, weights } = await trained(planOf(1, shape, {}, subject));
      expect(losses).toEqual(alone.losses);
      expect(weights).toEqual(alone.weights);
    }
    const crew = await Crew.open(subject);
    const first = planOf(1, REPLICAS, {}, subject);
    await crew.adopt(first);
    const losses = await crew.train(first, 0, 2);
    const second = planOf(2, PIPELINE, { sources: holders(first) }, subject);
    await crew.adopt(second);
    losses.push(...(await crew.train(second, 2, 5)));
    expect(losses).toEqual(alone.losses);
    expect(crew.weights(second)).toEqual(alone.weights);
    await crew.close();
  });
}
