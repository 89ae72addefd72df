// `pipetrain plan`: the plans of a run without the run. The figures of the text come from a preview made up here; one
// preview is a real one.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../cli/program.js';
import { planLines } from '../../cli/text/plan-text.js';
import { type TrainConfig, trainConfigSchema } from '../../engine/core/config.js';
import { type PlanPreview, type PreviewedPlan, previewPlan } from '../../engine/trainer/plan-preview.js';
import { showGrid } from '../../pipeline/grid.js';
import { choosePipeline } from '../../pipeline/planner.js';
import { drawSchedule, scheduleName } from '../../pipeline/schedules/registry.js';
import { asking, blocks, PLANNER_INPUT } from '../pipeline/cost-model.js';
import { scratch } from '../scratch.js';
import { fakeIo, fakeServices } from './fake-io.js';

const costs = blocks(1, 1, 1, 5);
const planAt = (frozen: number): PreviewedPlan => {
  const choice = choosePipeline(
    asking(PLANNER_INPUT, { model: { costs, frozen }, rates: { updateMsPerMB: 0.1, reduceMsPerMB: 20 } }),
  );
  return {
    ...choice,
    schedule: scheduleName(choice.schedule),
    layers: 3,
    frozenLayers: frozen,
    frozen,
    usesCache: false,
    cacheReason: 'reading is not faster',
    grid: showGrid(drawSchedule(choice.schedule, choice.K, choice.microBatches)),
  };
};
const preview: PlanPreview = {
  model: 'vit',
  device: 'ort-cpu',
  workers: 4,
  batch: 32,
  microBatch: 4,
  numMicroBatches: 8,
  totalSteps: 100,
  stepsPerEpoch: 50,
  numLayers: 3,
  memoryLimit: 64e9,
  measureSeconds: 1.5,
  trust: { othersShare: 0.02, spread: 0.3 },
  costs,
  microBatchChoice: {
    microBatch: 4,
    reason: 'it is fastest',
    seconds: 1,
    trials: [
      { microBatch: 4, numMicroBatches: 8, K: 2, R: 2, schedule: '1f1b', predictedStepMs: 12, why: '' },
      { microBatch: 8, numMicroBatches: 4, K: 0, R: 0, schedule: '', predictedStepMs: null, why: 'too large' },
    ],
  },
  handover: { handoverMs: 0.25, handlingMs: 0.0625 },
  plans: [planAt(0), planAt(2)],
};

describe('the text of a plan', () => {
  const text = planLines(preview, 120).join('\n');

  it('says how the size of micro-batches was found', () => {
    const text = planLines(preview, 120).join('\n');
    expect(text).toContain('micro-batch: it is fastest');
    expect(text).toMatch(/4 x 8: 12(.0)? ms a step \(2 x 2, 1f1b\)/);
    expect(text).toContain('8 x 4: too large');
  });

  it('has costs, stages, memory, time, bubble, grid and why each alternative lost', () => {
    expect(text).toContain('vit on 4 workers (ort-cpu): 100 steps of 32 samples, in micro-batches of 4 (8 a step)');
    // Equal blocks are one row.
    expect(text).toMatch(/0 block 0 and 2 others like it +1 ms +2 ms +1\.0 MB/);
    expect(text).toMatch(/nothing frozen: \d stages? x \d replicas?, interleaved/);
    expect(text).toMatch(/2 of 3 layers frozen, cache off: /);
    expect(text).toContain('0F0');
    expect(text).toMatch(/lost against it:\n +K x R/);
    expect(text).toContain('% slower');
    expect(text).toContain('cache: reading is not faster');
    expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });

  it('says how many alternatives it leaves out, and what to do where nothing freezes', () => {
    const rejected = Array.from({ length: 20 }, (_, R) => ({ K: 1, R, predictedStepMs: 9, why: 'slower' }));
    const short = planLines({ ...preview, plans: [{ ...planAt(0), rejected }] }, 80).join('\n');
    expect(short).toContain('and 12 others');
    expect(short).toContain('add --freeze paper');
  });
});

describe('pipetrain plan', () => {
  it('takes the settings of train and hands them on; --json prints all of it', async () => {
    const seen: TrainConfig[] = [];
    const services = {
      ...fakeServices(),
      previewPlan: (config: TrainConfig) => Promise.resolve((seen.push(config), preview)),
    };
    const io = fakeIo();
    expect(
      await runCli(['plan', '--model', 'vit', '--data', 'mnist:x', '--pipeline', '2', '--json'], io, services),
    ).toBe(0);
    expect(seen).toMatchObject([{ model: 'vit', pipeline: 2, batch: 32 }]);
    expect(JSON.parse(io.stdout.text)).toEqual(JSON.parse(JSON.stringify(preview)));
    const plain = fakeIo();
    await runCli(['plan', '--model', 'vit', '--data', 'mnist:x'], plain, services);
    expect(plain.stdout.text).toBe(`${planLines(preview, 120).join('\n')}\n`);
  });

  it('has a help that fits 80 columns', async () => {
    const io = fakeIo();
    expect(await runCli(['plan', '--help'], io, fakeServices())).toBe(0);
    expect(io.stdout.text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });
});

describe('a preview', () => {
  it('measures with real workers, plans by the settings, and leaves the pipeline no longer than it was', async () => {
    const file = join(scratch(), 'text.txt');
    writeFileSync(file, 'to be or not to be, that is the question. '.repeat(60));
    const settings = {
      model: 'gpt',
      data: `text:${file}`,
      devices: 'cpu:3',
      steps: 20,
      batch: 12,
      microBatch: 2,
      pipeline: 3,
      modelOptions: { layers: 4, width: 16, heads: 2 },
      dataOptions: { sequence: 16 },
    };
    const found = await previewPlan(trainConfigSchema.parse({ ...settings, freeze: 'paper' }));
    expect(found).toMatchObject({ workers: 3, numMicroBatches: 6, numLayers: 4, totalSteps: 20 });
    expect(found.costs.map(({ name }) => name)).toHaveLength(10);
    for (const { forwardMs, parameterBytes } of found.costs)
      expect(Math.min(forwardMs, parameterBytes)).toBeGreaterThan(0);
    // Two of the three measured it together.
    expect(Math.min(found.handover?.handoverMs ?? 0, found.handover?.handlingMs ?? 0)).toBeGreaterThan(0);
    expect(found.plans.map(({ frozenLayers }) => frozenLayers)).toEqual([0, 1, 2, 3]);
    expect(found.plans[0]).toMatchObject({ K: 3, R: 1, frozen: 0, usesCache: false });
    for (const { K, frozen, cuts } of found.plans) {
      expect(K).toBeLessThanOrEqual(3);
      expect(cuts[0]).toBe(frozen);
    }
  });

  it('fails as the run would', async () => {
    const settings = { model: 'gpt', data: 'text:/nowhere', steps: 1 };
    await expect(previewPlan(trainConfigSchema.parse(settings))).rejects.toMatchObject({ code: 'PT_DATA_MISSING' });
  });
});
