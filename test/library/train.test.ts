// Runs of a program in its own process, with real workers.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { EventFile } from '../../engine/events/event-file.js';
import { loadRun, resume, type RunEvent, train, type TrainSettings } from '../../engine/index.js';
import { rejectionOf } from '../error-of.js';
import { scratch } from '../scratch.js';

/** Eight steps of a small model. */
const settings = (): TrainSettings & { out: string } => ({
  model: 'vit',
  modelOptions: { layers: 1, width: 16, heads: 2 },
  data: 'synthetic:digits',
  limitSamples: 64,
  batch: 16,
  epochs: 2,
  devices: 'cpu:1',
  kernels: 'off',
  out: join(scratch(), 'run'),
});

describe('a run', () => {
  test('is watched and used; another beside it, stopped and resumed, comes to the same bits', async () => {
    const stop = new AbortController();
    const whole = await train(settings());
    const parted = await train(settings(), { signal: stop.signal });
    const seen: RunEvent[] = [];
    for await (const event of parted) {
      if (event.type === 'step') stop.abort();
      seen.push(event);
    }
    const before = (await parted.result).summary;
    expect(before.status).toBe('interrupted');
    expect(before.steps).toBeLessThan(8);
    expect(seen).toEqual([...new EventFile(join(parted.folder, 'events.jsonl'))]);
    const after = await (await resume(parted.folder)).result;
    const { summary } = await whole.result;
    expect(after.summary).toMatchObject({
      status: 'finished',
      steps: 8,
      lossSha256: summary.lossSha256,
      weightsSha256: summary.weightsSha256,
    });
    expect(summary.metric).toMatchObject({ name: 'accuracy' });
    const weights = await loadRun(whole.folder).weights();
    expect([...weights.values()].every(({ shape, data }) => shape.reduce((a, b) => a * b, 1) === data.length)).toBe(
      true,
    );
    expect(weights).toEqual(await after.weights());
    expect((await after.evaluate()).metric.value).toBe(summary.metric?.value);
    expect((await rejectionOf(after.predict(['a text']))).code).toBe('PT_PREDICT');
    // Nothing is left to do, so nobody is started.
    expect((await (await resume(parted.folder)).result).summary.steps).toBe(8);
  });

  test('whose callback throws is saved, has failed with the cause, and goes on when it is resumed', async () => {
    const steps: number[] = [];
    const losses: number[] = [];
    const cause = new Error('no more');
    const run = await train(settings(), {
      callbacks: {
        onStep: ({ step }) => void steps.push(step),
        onEpoch: ({ step, loss }) => {
          losses.push(loss);
          if (step === 4) throw cause;
        },
      },
    });
    const error = await rejectionOf(run.result);
    expect(error).toMatchObject({ code: 'PT_CALLBACK', cause });
    expect(steps).toEqual([0, 1, 2, 3]);
    const events = [...new EventFile(join(run.folder, 'events.jsonl'))];
    expect(events.at(-1)).toMatchObject({ type: 'run.failed', code: 'PT_CALLBACK' });
    const told = events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
    expect(losses[0]).toBeCloseTo(told.reduce((sum, loss) => sum + loss, 0) / 4, 12);
    expect(readdirSync(join(run.folder, 'checkpoints'))).toHaveLength(1);
    await expect(async () => {
      for await (const event of run) void event;
    }).rejects.toBe(error);
    const again = await resume(run.folder, {}, { callbacks: { onStep: (_, own) => own.stop() } });
    // The step after the fifth had begun when the fifth was told.
    expect((await again.result).summary).toMatchObject({ status: 'interrupted', steps: 6 });
  });

  test('prints nothing, leaves the process as it was, and lets it end', () => {
    const folder = scratch();
    const index = pathToFileURL(join(import.meta.dirname, '../../dist/engine/index.js')).href;
    const program = `
      import { train } from ${JSON.stringify(index)};
      const state = () => JSON.stringify([process.cwd(), process.env, process.exitCode, process.eventNames()
        .map((name) => [String(name), process.listenerCount(name)])]);
      process.exitCode = 7;
      const before = state();
      const run = await train(${JSON.stringify({ ...settings(), out: 'run', epochs: undefined, steps: 1 })});
      for await (const event of run) break;
      await run.result;
      if (state() !== before) throw new Error(before + state());
    `;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect([status, stdout, stderr]).toEqual([7, '', '']);
    expect(existsSync(join(folder, 'run', 'summary.json'))).toBe(true);
  });
});

describe('what cannot be', () => {
  const refused: [string, Record<string, unknown>, string][] = [
    ['a setting that there is not', { bacth: 3 }, 'PT_CONFIG_KEY'],
    ['a value that is not allowed', { microBatch: -1 }, 'PT_CONFIG_VALUE'],
    ['a setting that nobody reads', { freeze: 'none', freezeAlpha: 0.5 }, 'PT_CONFIG_IDLE'],
    ['a model as a value', { model: { name: 'mine' } }, 'PT_PLUGIN_VALUE'],
    ['a micro-batch that does not divide the batch', { microBatch: 5 }, 'PT_MICRO_BATCH'],
  ];
  test.each(refused)('%s is refused before a folder is made', async (_, wrong, code) => {
    const all = { ...settings(), ...wrong };
    expect((await rejectionOf(train(all as TrainSettings))).code).toBe(code);
    expect(existsSync(all.out)).toBe(false);
  });

  test('an error names the setting as the program gave it', async () => {
    const { message } = await rejectionOf(train({ ...settings(), microBatch: -1 }));
    expect(message).toBe('micro-batch is -1 (setting microBatch); it must be auto or a whole number above 0');
  });

  test('a signal that is aborted already ends it with its reason', async () => {
    const all = settings();
    const reason = new Error('changed my mind');
    await expect(train(all, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(existsSync(all.out)).toBe(false);
  });
});
