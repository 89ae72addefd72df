// Real processes that die while they write a checkpoint, and checkpoints that cannot be written: the run goes on, or
// goes on again, with the same bits. Every operation is tried in checkpoint-crash.test.ts without processes, and with
// them by `npm run soak:checkpoint`; here is a sample.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FileLayer, realFiles } from '../../engine/checkpoint/file-layer.js';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { trainInto } from '../trainer/run-on-disk.js';

interface Session {
  readonly signal: string | null;
  readonly result: {
    readonly operations: number;
    readonly losses: string;
    readonly weights: string;
    readonly samples: number;
    readonly from: number;
  } | null;
}
const session = (...args: readonly string[]): Promise<Session> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['scripts/checkpoint-crash.mjs', ...args], (error, stdout) =>
      resolve({
        signal: error?.signal ?? null,
        result: stdout === '' ? null : (JSON.parse(stdout) as NonNullable<Session['result']>),
      }),
    );
  });

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pipetrain-kill-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a process that dies while it writes its second checkpoint', () => {
  const calm = session(join(tmpdir(), `pipetrain-kill-calm-${process.pid}`), 'train');
  afterAll(() => rmSync(join(tmpdir(), `pipetrain-kill-calm-${process.pid}`), { recursive: true, force: true }));
  // In thirds of the three checkpoints of the run: within the files of the second, and at its end.
  it.each([0.4, 0.6])(
    'at %d of all operations: resuming gives the bits of the run that was never killed',
    async (share) => {
      const { result: expected } = await calm;
      const run = join(folder, `at-${share}`);
      const killed = await session(run, 'train', String(Math.floor((expected?.operations ?? 0) * share)));
      expect(killed).toEqual({ signal: 'SIGKILL', result: null });
      const { result } = await session(run, 'resume');
      expect([4, 8]).toContain(result?.from);
      expect(result).toMatchObject({
        losses: expected?.losses,
        weights: expected?.weights,
        samples: expected?.samples,
      });
    },
  );
});

describe('a checkpoint that cannot be written', () => {
  const CONFIG: Partial<TrainConfigInput> = { steps: 12, checkpointEvery: '4 steps', keep: 2 };
  /** A disk on which the files of one checkpoint meet an error. */
  const failing = (step: number, code: string): FileLayer => ({
    ...realFiles,
    create: (path) =>
      path.includes(`step-${String(step).padStart(8, '0')}`) && path.endsWith('block-0001.safetensors')
        ? Promise.reject(Object.assign(new Error(`${code}: the disk says no`), { code }))
        : realFiles.create(path),
  });
  const named = (run: RunFolder): string[] => readdirSync(run.checkpointsPath).sort();
  const of = <T extends RunEventBody['type']>(
    events: readonly RunEventBody[],
    type: T,
  ): Extract<RunEventBody, { type: T }>[] =>
    events.filter((event): event is Extract<RunEventBody, { type: T }> => event.type === type);

  it(
    'on the way is an event; training goes on to the same bits, the one before stays, and the next one is ' + 'written',
    async () => {
      const whole = RunFolder.create(join(folder, 'whole'));
      const undisturbed = await trainInto(whole, CONFIG);
      const run = RunFolder.create(join(folder, 'full'));
      const events = await trainInto(run, CONFIG, {
        files: failing(8, 'ENOSPC'),
        onEvent: (event) => {
          if (event.type === 'checkpoint.failed') expect(named(run)).toEqual(['step-00000004']);
        },
      });
      expect(of(events, 'checkpoint.failed')).toEqual([
        expect.objectContaining({ step: 8, code: 'ENOSPC', reason: 'ENOSPC: the disk says no' }),
      ]);
      expect(of(events, 'run.finished')[0]).toMatchObject({
        steps: 12,
        weightsSha256: of(undisturbed, 'run.finished')[0]?.weightsSha256,
        lossSha256: of(undisturbed, 'run.finished')[0]?.lossSha256,
      });
      expect(named(run)).toEqual(['step-00000004', 'step-00000012']);
      for (const { stallMs, writeMs } of of(undisturbed, 'checkpoint.saved'))
        expect([typeof stallMs, typeof writeMs]).toEqual(['number', 'number']);
    },
  );

  it('at the end ends the run with an error, and resuming goes on from the one before', async () => {
    const run = RunFolder.create(join(folder, 'no-end'));
    await expect(trainInto(run, CONFIG, { files: failing(12, 'EACCES') })).rejects.toMatchObject({
      code: 'PT_CHECKPOINT_WRITE',
      exitCode: 3,
    });
    expect(named(run)).toEqual(['step-00000004', 'step-00000008']);
    const events = await trainInto(run, CONFIG, { resume: true });
    expect(of(events, 'resumed')[0]?.step).toBe(8);
    expect(of(events, 'run.finished')[0]?.steps).toBe(12);
  });

  it(
    'does not take the place of a damaged one that is newer: after going on from the one before, the new one ' +
      'stays',
    async () => {
      const run = RunFolder.create(join(folder, 'damaged'));
      await trainInto(run, { ...CONFIG, keep: 2 });
      rmSync(join(run.checkpointsPath, 'step-00000012', 'checkpoint.json'));
      await trainInto(run, { ...CONFIG, keep: 1 }, { resume: true });
      expect(named(run)).toEqual(['step-00000012-2']);
      expect(newestResumePoint(run.checkpointsPath).refused).toEqual([]);
    },
  );
});
