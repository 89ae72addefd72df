// A parameter that several blocks use: its update is that of the sum of its gradients, and there is one result for
// every shape of the run, through transitions, losses and resumes, also where one of its blocks is frozen and another
// trains.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadWeights } from '../../engine/checkpoint/checkpoint.js';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { present } from '../../engine/core/invariant.js';
import { fillField } from '../../engine/data/micro-batch.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { compileStage } from '../../engine/model/compile.js';
import { buildModel, loadModelDefinition } from '../../engine/model/load-model.js';
import { entryView, initializeSlab, slabLayout } from '../../engine/model/slab.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { openExecutor } from '../../engine/tensor/open-executor.js';
import { type HostArray, hostArray } from '../../engine/tensor/shape.js';
import { relativeError, runTraining } from '../model/stage-run.js';
import { scratch } from '../scratch.js';
import { trainInto } from './run-on-disk.js';
import { hashesOf, referenceRun, shapesOf, trainRun } from './train-run.js';

/** The table of tokens, which is the output matrix too, has two chunks, so that two replicas share its reduction. */
const TIED = {
  model: 'examples/llama.ts',
  modelOptions: { width: 32, layers: 2, heads: 2, kvHeads: 1 },
  data: 'synthetic:copy',
  dataOptions: { symbols: 1000, sequence: 8, samples: 70 },
  precision: 'fp32',
  steps: 8,
} satisfies Partial<TrainConfigInput>;
const FROZEN: Partial<TrainConfigInput> = {
  ...TIED,
  freeze: 'manual',
  freezeSchedule: '3:2',
  freezeMax: 2,
  guard: 'off',
};

describe('where the table is frozen as a part of the first blocks', () => {
  it('in bf16, a pipeline that becomes replicas equals one worker', async () => {
    const config = { ...FROZEN, precision: 'bf16' } as const;
    const reference = await referenceRun({ ...config, devices: 'cpu:1', dp: 'off' });
    const elastic = await trainRun({ ...config, devices: 'cpu:2', pipeline: 2 });
    expect(shapesOf(elastic)).toContain('2x1 1x2');
    expect(elastic.of('plan.made').at(-1)?.usesCache).toBe(false);
    expect(hashesOf(elastic)).toEqual(hashesOf(reference));
  });

  it('a pipeline that loses a worker, and one that goes on as replicas, end with the same bits', async () => {
    const pipeline = { ...FROZEN, freezeSchedule: '3:1', devices: 'cpu:2', pipeline: 2, dp: 'off' } as const;
    const reference = hashesOf(await referenceRun({ ...pipeline, devices: 'cpu:1', pipeline: 1 }));
    let victim: number | null = null;
    const lossy = await trainRun(pipeline, (event) => {
      if (event.type === 'worker.joined' && event.worker === 'w1') victim ??= event.pid;
      if (event.type === 'step' && event.step === 5 && victim !== null) {
        process.kill(victim, 'SIGKILL');
        victim = null;
      }
    });
    expect(lossy.of('worker.lost')).toHaveLength(1);
    expect(hashesOf(lossy)).toEqual(reference);
    const run = RunFolder.create(join(scratch(), 'resumed'));
    await trainInto(run, pipeline, { stopAt: 5 });
    const replicas = { ...pipeline, pipeline: 1, replicas: 2 } as const;
    expect(hashesOf(await trainInto(run, replicas, { resume: true }))).toEqual(reference);
  });

  it('it goes on learning from the output, by the gradients that there are', async () => {
    const rate = 0.5;
    // One batch is the whole training set, so that the order of samples means nothing.
    const config: Partial<TrainConfigInput> = {
      ...TIED,
      dataOptions: { symbols: 40, sequence: 8, samples: 20 },
      batch: 16,
      microBatch: 4,
      optimizer: 'sgd',
      momentum: 0,
      weightDecay: 0,
      clip: 0,
      lr: String(rate),
      warmup: 0,
      freeze: 'manual',
      freezeSchedule: '1:2',
      freezeMax: 2,
      guard: 'off',
      devices: 'cpu:2',
      pipeline: 2,
      steps: 2,
    };
    const run = RunFolder.create(join(scratch(), 'two-steps'));
    const trained = await trainInto(run, config);
    const data = openDataset('synthetic:copy', config.dataOptions ?? {});
    const model = buildModel(await loadModelDefinition(TIED.model), TIED.modelOptions, data.info);
    const layouts = model.blocks.map(slabLayout);
    const slabs = model.blocks.map((block, i) => {
      const slab = new Float32Array(present(layouts[i], 'layout').length);
      initializeSlab(block, present(layouts[i], 'layout'), 1, slab);
      return slab;
    });
    const programs = { model, data: data.info, from: 0, to: model.blocks.length, microBatch: 16 };
    const stage = compileStage({ ...programs, needsInputGradient: false });
    const executor = openExecutor({ threads: 1 });
    const fields = [...data.info.fields.map(({ name, shape, dtype }) => ({ name, shape, dtype }))].map((field) => {
      const out = hostArray(field.dtype, [16, ...field.shape]);
      fillField(
        data,
        field.name,
        Int32Array.from({ length: 16 }, (_, id) => id),
        out,
      );
      return [`field ${field.name}`, out] as const;
    });
    const places = layouts.flatMap(({ entries }, block) => entries.map((entry) => ({ block, entry })));
    const own = (gradients: ReadonlyMap<string, HostArray>, block: number, name: string): HostArray =>
      present(gradients.get(`paramGrad ${block}/${name}`), name);
    const last = model.blocks.length - 1;
    const norms: number[] = [];
    for (const frozen of [0, last]) {
      const gradients = runTraining(
        executor,
        stage,
        new Map<string, HostArray>([
          ...fields,
          ['field #weight', new Float32Array(16).fill(1 / 16)],
          ...places.map(({ block, entry }) => {
            return [`param ${block}/${entry.name}`, entryView(present(slabs[block], 'slab'), entry)] as const;
          }),
        ]),
      );
      const table = Float32Array.from(own(gradients, last, 'tokens'), (g, i) => {
        return g + (frozen > 0 ? 0 : Number(own(gradients, 0, 'tokens')[i]));
      });
      let squares = 0;
      for (const { block, entry } of places) {
        const isTable = entry.name === 'tokens';
        if (block < frozen && !isTable) continue;
        const gradient = isTable ? table : Float32Array.from(own(gradients, block, entry.name));
        const weights = entryView(present(slabs[block], 'slab'), entry);
        weights.forEach((w, i) => (weights[i] = w - rate * Number(gradient[i])));
        if (block > 0 || !isTable) squares += gradient.reduce((sum, g) => sum + g * g, 0);
      }
      norms.push(Math.sqrt(squares));
    }
    executor.close();
    const { folder, manifest } = newestResumePoint(run.checkpointsPath).point;
    const found = loadWeights(folder, model, layouts, manifest);
    // Two steps of 32 bits, whose sums are in another order there.
    found.forEach((weights, i) => expect(relativeError(weights, present(slabs[i], 'slab'))).toBeLessThan(1e-5));
    trained.of('step').forEach(({ gradNorm }, i) => expect(gradNorm / (norms[i] ?? NaN)).toBeCloseTo(1, 5));
    // The frozen rest stays, the table does not.
    expect(norms[1]).toBeGreaterThan(0.01);
  });
});
