// Kept programs: a run that finds them gives the bits of one that does not; damaged ones are made again; none outlives
// the code it was made from.
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import type { StageAssignment } from '../../engine/core/plan.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { expectedLayers } from '../../engine/freezing/expected-freeze.js';
import { BlockTraces } from '../../engine/model/block-traces.js';
import type { ModelDefinition } from '../../engine/model/define.js';
import { buildModel } from '../../engine/model/load-model.js';
import { builtInModel } from '../../engine/model/registry.js';
import { StageCompiler } from '../../engine/model/stage-compiler.js';
import { nextPlan } from '../../engine/planning/next-plan.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { ProgramShelf } from '../../engine/tensor/program-shelf.js';
import { Prewarmer } from '../../engine/worker/prewarmer.js';
import { basisOf } from '../planning/plan-sequence.js';
import { scratch } from '../scratch.js';
import { hashesOf, type TrainedRun, trainRun } from './train-run.js';

let folder = '';
beforeAll(() => {
  folder = scratch();
});

const programsOf = (run: TrainedRun) => {
  const [{ traced, kept, fromDisk, compiled } = { traced: -1, kept: -1, fromDisk: -1, compiled: -1 }] =
    run.of('programs.ready');
  return { traced, kept, fromDisk, compiled };
};

describe('a run with kept programs', () => {
  it('takes none from a folder that others can write, and says so once', async () => {
    const programCache = join(folder, 'shared');
    await trainRun({ programCache });
    chmodSync(programCache, 0o777);
    const run = await trainRun({ programCache });
    expect(programsOf(run)).toMatchObject({ fromDisk: 0 });
    expect(run.of('costs.measured')[0]?.isCached).toBe(false);
    expect(run.of('warning').map(({ message }) => message)).toEqual([
      expect.stringMatching(/--program-cache: .* can be written by others than its owner \(mode 777\)/),
    ]);
  });

  it('has the bits of one without, also where what was kept is damaged, and then makes it again', async () => {
    const programCache = join(folder, 'vit');
    const without = await trainRun({ programCache: 'off' });
    const cold = await trainRun({ programCache });
    const warm = await trainRun({ programCache });
    const files = readdirSync(programCache).map((name) => join(programCache, name));
    expect(files.length).toBeGreaterThan(5);
    for (const [i, file] of files.entries()) {
      const bytes = readFileSync(file);
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      writeFileSync(file, i % 2 === 0 ? bytes : bytes.subarray(0, 50));
    }
    const damaged = await trainRun({ programCache });
    const again = await trainRun({ programCache });
    for (const run of [cold, warm, damaged, again]) expect(hashesOf(run)).toEqual(hashesOf(without));
    expect(programsOf(without)).toMatchObject({ fromDisk: 0 });
    expect(programsOf(without).compiled).toBeGreaterThan(0);
    expect(programsOf(cold)).toMatchObject({ fromDisk: 0 });
    expect(programsOf(damaged)).toMatchObject({ fromDisk: 0 });
    for (const run of [warm, again]) expect(programsOf(run)).toMatchObject({ traced: 0, compiled: 0 });
    expect(programsOf(warm).fromDisk).toBeGreaterThan(0);
    const [, first, second, third, fourth] = [without, cold, warm, damaged, again].map(
      (run) => run.of('costs.measured')[0],
    );
    expect([first?.isCached, third?.isCached]).toEqual([false, false]);
    // Costs that were measured while the machine was busy with something else are not kept.
    expect([second?.isCached, fourth?.isCached]).toEqual([first?.trust?.isGood, third?.trust?.isGood]);
  });

  it('never uses a program of a plug-in model whose code, or what its code reads, has changed', async () => {
    const programCache = join(folder, 'plug-in');
    const model = join(folder, 'mine.ts');
    const data = join(folder, 'activation.txt');
    const block = join(folder, 'activation.ts');
    writeFileSync(
      model,
      `import { readFileSync } from 'node:fs';
import { defineModel, nn, tf } from 'pipetrain';
import type { Block } from 'pipetrain';
import { activation } from './activation.js';
const factor = Number(readFileSync(${JSON.stringify(data)}, 'utf8'));
const layer = (index: number, from: number, to: number): Block => ({
  name: 'layer' + index, kind: 'mlp', layer: index,
  params: { w: { shape: [from, to], init: { kind: 'normal', std: 0.1 }, decay: true } },
  forward: (x, p, context) => {
    const y = activation(nn.linear(index === 0 ? tf.reshape(context.field('image'), [-1, from]) : x!, p.w!));
    return tf.mul(y, factor);
  },
});
const parse = (value: unknown) => value;
const safeParse = (value: unknown) => ({ success: true, data: value });
export const model = defineModel({
  name: 'mine', summary: 'a test', options: { parse, safeParse } as never, defaults: {},
  build: () => ({
    name: 'mine', blocks: [layer(0, 256, 16), layer(1, 16, 10)],
    loss: (y, context) => nn.crossEntropy(y, context.field('label')),
    score: null, metric: { name: 'loss', higherIsBetter: false },
  }),
});`,
    );
    const variants = [
      ['tf.relu', '1'],
      ['tf.tanh', '1'],
      ['tf.tanh', '2'],
      ['tf.relu', '1'],
    ] as const;
    const runs: { readonly kept: TrainedRun; readonly anew: TrainedRun }[] = [];
    for (const [op, text] of variants) {
      writeFileSync(block, `import { tf } from 'pipetrain';\nexport const activation = ${op};`);
      writeFileSync(data, text);
      const options = { model, modelOptions: {}, steps: 3 };
      runs.push({
        kept: await trainRun({ ...options, programCache }),
        anew: await trainRun({ ...options, programCache: 'off' }),
      });
    }
    for (const { kept, anew } of runs) expect(hashesOf(kept)).toEqual(hashesOf(anew));
    expect(new Set(runs.map(({ anew }) => anew.finished.weightsSha256)).size).toBe(3);
    // The code is as it was at first: its blocks are traced again, and what they are lowered to is known.
    expect(programsOf(runs[3]?.kept as TrainedRun)).toMatchObject({ compiled: 0 });
    expect(programsOf(runs[3]?.kept as TrainedRun).traced).toBeGreaterThan(0);
    for (const run of runs.slice(0, 3)) expect(programsOf(run.kept).compiled).toBeGreaterThan(0);
  });
});

describe('a change of plan', () => {
  it('tells what it consisted of, and what became of the programs', async () => {
    const run = await trainRun({
      modelOptions: { layers: 4, width: 16, heads: 2, patch: 8 },
      freeze: 'manual',
      freezeSchedule: '8:2',
      devices: 'cpu:2',
      pipeline: 2,
      steps: 10,
    });
    const [transition] = run.of('transition');
    const [, second] = run.of('programs.ready');
    expect(second?.generation).toBe(1);
    expect((second?.kept ?? 0) + (second?.fromDisk ?? 0) + (second?.compiled ?? 0)).toBeGreaterThan(0);
    const parts = Object.values(transition?.parts ?? {});
    expect(parts).toHaveLength(6);
    expect(parts.every((ms) => Number.isFinite(ms) && ms >= 0)).toBe(true);
  });
});

describe('a plan that is expected', () => {
  it('finds its programs compiled and loaded once the worker has had time for it', async () => {
    const dataset = openDataset('synthetic:digits', { samples: 10 }, undefined);
    const model = buildModel(
      builtInModel('vit') as ModelDefinition,
      { layers: 4, width: 16, heads: 2, patch: 8 },
      dataset.info,
    );
    const shelf = new ProgramShelf(openExecutor({ threads: 1 }), null);
    const compiler = new StageCompiler(model, dataset.info, new BlockTraces(null, null));
    const costs = model.blocks.map(({ name }) => ({
      name,
      forwardMs: 1,
      backwardMs: 2,
      parameterBytes: 4e6,
      optimizerBytes: 8e6,
      gradientBytes: 4e6,
      savedBytes: 1e6,
      outputBytes: 1e5,
    }));
    const shape = { batch: 16, microBatch: 2, pipeline: 2, replicas: 1, schedule: '1f1b' } as const;
    const basis = { ...basisOf(shape, { costs, workers: ['w0', 'w1'] }), microBatch: 2, reads: { numSamples: 10 } };
    const { plan } = nextPlan(basis, null, { frozen: 3, frozenLayers: 1, epochsLeft: 5, because: 'a test' });
    const prewarmer = new Prewarmer(shelf, compiler);
    prewarmer.expect([plan], 'w0');
    prewarmer.stop();
    await turns(20);
    expect(shelf.takeCounts()).toMatchObject({ kept: 0, compiled: 0 });
    prewarmer.expect([plan], 'w0');
    await turns(20);
    // Forward, backward, evaluation, and the frozen prefix.
    expect(shelf.takeCounts()).toMatchObject({ kept: 0, compiled: 4 });
    const traced = compiler.traces.takeTraced();
    const { from, to } = plan.replicas[0]?.stages[0] as StageAssignment;
    const { forward, backward, evaluate } = compiler.stage({ from, to, microBatch: 2, needsInputGradient: false });
    for (const program of [forward, backward, evaluate, compiler.prefix(0, 3, 2)]) shelf.load(program).free();
    expect(shelf.takeCounts()).toMatchObject({ kept: 4, compiled: 0 });
    expect([traced > 0, compiler.traces.takeTraced()]).toEqual([true, 0]);
    shelf.close();
  });
});

/** Lets the event loop go round so often. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the freeze to expect', () => {
  const state = { layers: 0, decisions: 0, numLayers: 12, maxLayers: 11 };
  const expected = (changes: object, at: object = {}): number[] =>
    expectedLayers(
      {
        config: trainConfigSchema.parse({ model: 'vit', data: 'synthetic:digits', ...changes }),
        trained: { trainedLayers: 0, pretrainedLayers: 0 },
      },
      { ...state, ...at },
    );
  it('is what a schedule or a bound says, never what is frozen or may not be', () => {
    expect(expected({ freeze: 'none' }, { maxLayers: 0 })).toEqual([]);
    expect(expected({ freeze: 'auto' }, { layers: 8, maxLayers: 8 })).toEqual([]);
    expect(expected({ freeze: 'manual', freezeSchedule: '5:0,10:3,20:6' })).toEqual([3]);
    expect(expected({ freeze: 'manual', freezeSchedule: '10:3,20:6' }, { layers: 6 })).toEqual([]);
    expect(expected({ freeze: 'alpha' })).toEqual([4]);
    expect(expected({ freeze: 'alpha' }, { layers: 11, decisions: 9 })).toEqual([]);
    expect(expected({ freeze: 'paper' })).toEqual([4, 1]);
    expect(expected({ freeze: 'paper' }, { layers: 10 })).toEqual([11]);
  });
});
