// Resuming equals never stopping, on any number of workers and stages; a damaged checkpoint is refused by name.
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { type TrainConfigInput, trainConfigSchema } from '../../engine/core/config.js';
import { EventLog, readEvents } from '../../engine/events/event-log.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { runTraining } from '../../engine/trainer/run-training.js';
import { TINY, trainRun } from './train-run.js';

const CONFIG: Partial<TrainConfigInput> = {
  modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
  steps: 40,
  freeze: 'paper',
  freezeAlpha: 0.3,
  freezeInterval: '12 steps',
  evalEvery: '10 steps',
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipetrain-resume-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function train(
  run: RunFolder,
  changes: Partial<TrainConfigInput>,
  stopAt: number | null,
  resume = false,
): Promise<RunEventBody[]> {
  const events: RunEventBody[] = [];
  const stop = new AbortController();
  const log = new EventLog(run.eventsPath);
  const host = {
    runFolder: run,
    signal: stop.signal,
    emit: (event: RunEventBody) => {
      events.push(event);
      log.append(event);
      if (event.type === 'step' && event.step === stopAt) stop.abort();
    },
  };
  await runTraining(
    trainConfigSchema.parse({ ...TINY, ...CONFIG, ...changes }),
    host,
    resume ? newestResumePoint(run.checkpointsPath).point : null,
  );
  log.close();
  return events;
}
const endOf = (events: readonly RunEventBody[]): unknown => {
  const end = events.find((event) => event.type === 'run.finished');
  return (
    end?.type === 'run.finished' && {
      loss: end.lossSha256,
      weights: end.weightsSha256,
      steps: end.steps,
      samples: end.samplesSeen,
      metric: end.metric.value,
    }
  );
};

describe('a run that is interrupted and resumed', () => {
  const whole = trainRun({ ...CONFIG, devices: 'cpu:1' });
  it.each([5, 11, 12, 25])('at step %i, in other shapes than before, ends with the same bits', async (step) => {
    const run = RunFolder.create(join(folder, `at-${step}`));
    await train(run, { devices: 'cpu:2', pipeline: 2 }, step);
    const resumed = await train(run, { devices: 'cpu:3', pipeline: 1, replicas: 3 }, null, true);
    expect(endOf(resumed)).toEqual(endOf((await whole).events));
    const steps = readEvents(run.eventsPath).filter((event) => event.type === 'step');
    expect(steps.map((event) => event.type === 'step' && event.step)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const times = readEvents(run.eventsPath).map(({ time }) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

describe('checkpoints', () => {
  it('are written on the way, and only the newest are kept', async () => {
    const run = RunFolder.create(join(folder, 'kept'));
    // Without the checkpoints of freezes that the guard watches.
    await train(run, { checkpointEvery: '5 steps', keep: 2, guard: 'off' }, null);
    expect(readdirSync(run.checkpointsPath).sort()).toEqual(['step-00000035', 'step-00000040']);
  });
  it('that are damaged are refused by name, and the one before is used', async () => {
    const run = RunFolder.create(join(folder, 'damaged'));
    await train(run, { checkpointEvery: '10 steps', guard: 'off' }, null);
    const file = join(run.checkpointsPath, 'step-00000040', 'block-0001.safetensors');
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const { point, refused } = newestResumePoint(run.checkpointsPath);
    expect(point.manifest.step).toBe(30);
    expect(refused).toEqual([expect.stringContaining(file)]);
  });
  it('that were never finished do not count', async () => {
    const run = RunFolder.create(join(folder, 'torn'));
    await train(run, { steps: 4 }, null);
    const torn = join(run.checkpointsPath, 'step-00000009.partial');
    writeFileSync(torn, 'x');
    expect(newestResumePoint(run.checkpointsPath).point.manifest.step).toBe(4);
    writeFileSync(join(run.checkpointsPath, 'step-00000004', 'checkpoint.json'), '{"format":');
    expect(() => newestResumePoint(run.checkpointsPath)).toThrow(/no checkpoint in .* is whole/);
  });
});

describe('the event log of a run that goes on', () => {
  it('loses a half-written last line and nothing else', () => {
    const path = join(folder, 'events.jsonl');
    const first = new EventLog(path);
    first.append({ type: 'warning', message: 'a' });
    first.close();
    appendFileSync(path, '{"time":1,"type":"warn');
    const second = new EventLog(path);
    second.append({ type: 'warning', message: 'b' });
    second.close();
    expect(readEvents(path).map((event) => event.type === 'warning' && event.message)).toEqual(['a', 'b']);
  });
});
