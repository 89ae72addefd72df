// Real processes that die while they write a checkpoint, and checkpoints that cannot be written: the run goes on, or
// goes on again, with the same bits. Every operation is tried in checkpoint-crash.test.ts without processes, and with
// them by `npm run soak:checkpoint`; here is a sample.
import { execFile } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FileLayer, realFiles } from '../../engine/checkpoint/file-layer.js';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { scratch } from '../scratch.js';
import { refuseWhileCollecting } from '../test-phase.js';
import { trainInto } from '../trainer/run-on-disk.js';
import { hashesOf, type TrainedRun } from '../trainer/train-run.js';

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
function session(...args: readonly string[]): Promise<Session> {
  refuseWhileCollecting('session');
  return new Promise((resolve) => {
    execFile(process.execPath, ['scripts/checkpoint-crash.mjs', ...args], (error, stdout) =>
      resolve({
        signal: error?.signal ?? null,
        result: stdout === '' ? null : (JSON.parse(stdout) as NonNullable<Session['result']>),
      }),
    );
  });
}

let folder = '';
beforeAll(() => {
  folder = scratch();
});

describe('a process that dies while it writes its second checkpoint', () => {
  let whole: Promise<Session> | undefined;
  const calm = (): Promise<Session> => (whole ??= session(join(folder, 'calm'), 'train'));
  // In thirds of the three checkpoints of the run: within the files of the second, and at its end.
  it.each([0.4, 0.6])(
    'at %d of all operations: resuming gives the bits of the run that was never killed',
    async (share) => {
      const { result: expected } = await calm();
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
  const whole = (): string => join(folder, 'whole');
  let made: Promise<TrainedRun> | undefined;
  /** The run whose disk is well, in the folder `whole`; made by the first test that wants it. */
  const undisturbedRun = (): Promise<TrainedRun> => (made ??= trainInto(RunFolder.create(whole()), CONFIG));
  const named = (run: RunFolder): string[] => readdirSync(run.checkpointsPath).sort();

  it(
    'on the way is an event; training goes on to the same bits, the one before stays, and the next one is ' + 'written',
    async () => {
      const undisturbed = await undisturbedRun();
      const run = RunFolder.create(join(folder, 'full'));
      const disturbed = await trainInto(run, CONFIG, {
        files: failing(8, 'ENOSPC'),
        onEvent: (event) => {
          if (event.type === 'checkpoint.failed') expect(named(run)).toEqual(['step-00000004']);
        },
      });
      expect(disturbed.of('checkpoint.failed')).toEqual([
        expect.objectContaining({ step: 8, code: 'ENOSPC', reason: 'ENOSPC: the disk says no' }),
      ]);
      expect(disturbed.finished.steps).toBe(12);
      expect(hashesOf(disturbed)).toEqual(hashesOf(undisturbed));
      expect(named(run)).toEqual(['step-00000004', 'step-00000012']);
      for (const { stallMs, writeMs } of undisturbed.of('checkpoint.saved'))
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
    const resumed = await trainInto(run, CONFIG, { resume: true });
    expect(resumed.of('resumed')[0]?.step).toBe(8);
    expect(resumed.finished.steps).toBe(12);
  });

  it(
    'does not take the place of a damaged one that is newer: after going on from the one before, the new one ' +
      'stays',
    async () => {
      await undisturbedRun();
      cpSync(whole(), join(folder, 'damaged'), { recursive: true });
      const run = RunFolder.open(join(folder, 'damaged'));
      rmSync(join(run.checkpointsPath, 'step-00000012', 'checkpoint.json'));
      await trainInto(run, { ...CONFIG, keep: 1 }, { resume: true });
      expect(named(run)).toEqual(['step-00000012-2']);
      expect(newestResumePoint(run.checkpointsPath).refused).toEqual([]);
    },
  );
});
