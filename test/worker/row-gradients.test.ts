import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { combine, decompose, type Subtotal, TreeAccumulator } from '../../engine/comm/reduction.js';
import type { Rows } from '../../engine/comm/row-set.js';
import { Sampler } from '../../engine/data/sampler.js';
import { compileStage } from '../../engine/model/compile.js';
import { ProgramBinding } from '../../engine/model/program-binding.js';
import { initializeSlab, type ParameterSlabs, slabLayout } from '../../engine/model/slab.js';
import { vectorLanes } from '../../engine/tensor/jit/cpu-features.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { Optimizer, stateCount } from '../../engine/tensor/optimizer.js';
import { type Program, roleName } from '../../engine/tensor/program.js';
import { type HostArray, hostArray } from '../../engine/tensor/shape.js';
import { HostAdder } from '../../engine/tensor/vector-adder.js';
import {
  ALONE,
  Crew,
  CREW_OPTIMIZER,
  CREW_SETTINGS,
  holders,
  MICRO_BATCH,
  NUM_MICRO_BATCHES,
  planOf,
  type Shape,
  subjectOf,
} from './crew.js';

// More words than two times the tokens of a micro-batch, so that the table is kept by rows; rows of 40 elements, so
// that chunks of 16384, and with them the shards of replicas, cut rows.
const [WIDTH, TOKENS, WORDS] = [40, 6, 1001];
const subject = {
  ...subjectOf('gpt', { layers: 1, width: WIDTH, heads: 2, ff: 16, dropout: 0.1 }, 'copy', {
    samples: 60,
    sequence: TOKENS,
    symbols: WORDS - 1,
  }),
  lanes: vectorLanes(),
};
const STEPS = 3;
// prettier-ignore
const PIPELINE: Shape = [[['w0', 0], ['w1', 1]]];
const REPLICAS: Shape = [[['w0', 0]], [['w1', 0]]];

/** The weights of every block after steps with whole tables: one stage, the tree of sums, one update. */
function trainedWithWholeTables(): number[][] {
  const { model, dataset } = subject;
  const executor = openExecutor({ threads: 1 });
  const layouts = model.blocks.map(slabLayout);
  const slabsOf = (): Float32Array[] => layouts.map(({ length }) => new Float32Array(length));
  const [weights, reduced] = [slabsOf(), slabsOf()];
  model.blocks.forEach((block, i) => initializeSlab(block, layouts[i]!, 1, weights[i]!));
  const size = layouts.reduce((sum, { length }) => sum + length, 0);
  const offset = (block: number): number => layouts.slice(0, block).reduce((sum, { length }) => sum + length, 0);
  const gradient = new Float32Array(size);
  const [parameters, gradients]: ParameterSlabs[] = [
    { layouts, of: (block) => weights[block]! },
    { layouts, of: (block) => gradient.subarray(offset(block)) },
  ];
  const programs = compileStage({
    model,
    data: dataset.info,
    from: 0,
    to: model.blocks.length,
    microBatch: MICRO_BATCH,
    needsInputGradient: false,
  });
  const buffers = new Map<string, HostArray>();
  const bind = (program: Program): ProgramBinding =>
    new ProgramBinding(executor.load(program), {
      parameters: parameters!,
      rounded: null,
      gradients: gradients!,
      border: () => new Float32Array(0),
      buffer(port) {
        const key = roleName(port.role);
        const buffer = buffers.get(key) ?? hostArray(port.dtype, port.shape);
        buffers.set(key, buffer);
        return buffer;
      },
    });
  const bound = [bind(programs.forward), bind(programs.backward)];
  const optimizer = new Optimizer(executor, CREW_OPTIMIZER);
  const updates = layouts.map(({ length, segments }, i) => {
    const states = Array.from({ length: stateCount(CREW_OPTIMIZER) }, () => new Float32Array(length));
    return optimizer.bind(weights[i]!, reduced[i]!, states, segments);
  });
  const batch = MICRO_BATCH * NUM_MICRO_BATCHES;
  const sampler = new Sampler({ ...dataset, batch, seed: 1 });
  const adder = new HostAdder();
  for (let step = 0; step < STEPS; step++) {
    const { ids } = sampler.batchAt(step);
    const sums = new TreeAccumulator(
      NUM_MICRO_BATCHES,
      0,
      NUM_MICRO_BATCHES,
      () => new Float32Array(size),
      (left, right) => adder.add(left, left, right),
    );
    for (let micro = 0; micro < NUM_MICRO_BATCHES; micro++) {
      const own = ids.subarray(micro * MICRO_BATCH, (micro + 1) * MICRO_BATCH);
      for (const program of bound) {
        program.fillFields(dataset, own, batch);
        program.fillNoise(1, step, own);
        program.run();
      }
      sums.acquire().set(gradient);
      sums.commit(micro);
    }
    layouts.forEach(({ length }, block) => {
      const nodes = decompose(0, NUM_MICRO_BATCHES, NUM_MICRO_BATCHES).map((node, k): Subtotal => ({
        node,
        data: sums.slot(k).subarray(offset(block), offset(block) + length),
      }));
      combine(nodes, NUM_MICRO_BATCHES, { from: 0, to: length }, reduced[block]!, 0, adder);
    });
    for (const update of updates) update.run({ ...CREW_SETTINGS, updateCount: step + 1 });
  }
  return weights.map((slab) => [...slab]);
}

describe('a model with a table of many rows', () => {
  let expected: number[][];
  beforeAll(() => {
    expected = trainedWithWholeTables();
  });
  const crews: Crew[] = [];
  afterAll(async () => void (await Promise.all(crews.map((crew) => crew.close()))));

  it.each([
    ['on one worker', ALONE, false],
    ['in a pipeline of two stages', PIPELINE, false],
    ['on two replicas that share memory', REPLICAS, false],
    ['on two replicas of two hosts', REPLICAS, true],
  ])('has the weights that whole tables give, %s', async (_, shape, isApart) => {
    const crew = await Crew.open(subject, isApart);
    crews.push(crew);
    const plan = planOf(1, shape, {}, subject);
    await crew.adopt(plan);
    await crew.train(plan, 0, STEPS);
    expect(crew.weights(plan)).toEqual(expected);
  });

  it('goes from shape to shape with its states', async () => {
    const crew = await Crew.open(subject);
    crews.push(crew);
    let plan = planOf(1, REPLICAS, {}, subject);
    await crew.adopt(plan);
    await crew.train(plan, 0, 1);
    for (const [generation, shape] of [
      [2, PIPELINE],
      [3, ALONE],
    ] as const) {
      plan = planOf(generation, shape, { sources: holders(plan) }, subject);
      await crew.adopt(plan);
      await crew.train(plan, generation - 1, generation);
    }
    expect(crew.weights(plan)).toEqual(expected);
  });

  it('sends between replicas the rows that its texts name, and no others', async () => {
    const crew = await Crew.open(subject, true);
    crews.push(crew);
    const plan = planOf(1, REPLICAS, {}, subject);
    await crew.adopt(plan);
    const { neighbours, equipment } = crew.at('w0');
    const sent: { readonly place: string; readonly rows: Rows }[] = [];
    let floats = 0;
    const [write, writeRows] = [neighbours.write.bind(neighbours), neighbours.writeRows.bind(neighbours)];
    neighbours.write = (worker, place, data, offset) => {
      floats += data.length;
      write(worker, place, data, offset);
    };
    neighbours.writeRows = (worker, place, rows) => {
      sent.push({ place, rows: { ids: rows.ids.slice(), values: rows.values.slice() } });
      writeRows(worker, place, rows);
    };
    await crew.train(plan, 0, 1);
    const { dataset, sampler, layouts } = equipment.subject;
    const tokensOf = (ids: Int32Array): Set<number> => {
      const tokens = new Int32Array(ids.length * TOKENS);
      ids.forEach((id, row) => dataset.read(id, 'tokens', tokens, row));
      return new Set(tokens);
    };
    const { ids } = sampler.batchAt(0);
    const named = [tokensOf(ids.subarray(0, ids.length / 2)), tokensOf(ids)] as const;
    // Its sum of half the batch for the shard of the other, and what it has reduced of the whole batch.
    expect(sent).toHaveLength(2);
    for (const [i, { rows }] of sent.entries()) {
      expect(rows.values).toHaveLength(rows.ids.length * WIDTH);
      expect([...rows.ids].filter((id) => named[i]?.has(id) !== true)).toEqual([]);
    }
    const others = layouts.reduce((sum, { length }) => sum + length, 0) - WORDS * WIDTH;
    // Each half of an exchange sends half of the elements; chunks are whole.
    expect(floats).toBeLessThanOrEqual(others + 2 * 16384);
    const elements = sent.reduce((sum, { rows }) => sum + rows.values.length, 0);
    expect(elements).toBeLessThanOrEqual((named[0].size + named[1].size) * WIDTH);
    expect(elements).toBeGreaterThan(0);
  });
});
