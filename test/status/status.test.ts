// How a run stands, asked while it trains, when it is over, and after its process was killed; as real processes.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { askCoordinator, doorplateSchema, statusOfFolder } from '../../engine/status/ask-status.js';
import type { RunStatus } from '../../engine/status/run-status.js';
import { scratch } from '../scratch.js';
import { MAIN, trainArgs } from '../trainer/train-command.js';
import { trainRun } from '../trainer/train-run.js';

/** What somebody has who copies the folder of a run, with all that is in it. */
function copyOf({ path }: RunFolder): RunFolder {
  const copy = join(scratch(), 'copy');
  cpSync(path, copy, { recursive: true });
  expect(existsSync(join(copy, 'coordinator.json'))).toBe(true);
  return RunFolder.open(copy);
}

/** A run that goes on until `look` has seen enough of it, once it has done some steps. */
async function whileTraining<T>(
  look: (folder: RunFolder, url: string, token: string) => Promise<T>,
): Promise<{ readonly seen: T; readonly folder: RunFolder; readonly run: Awaited<ReturnType<typeof trainRun>> }> {
  const folder = RunFolder.create(scratch());
  const stop = new AbortController();
  let entrance = { own: '', token: '' };
  const looks: Promise<T>[] = [];
  const run = await trainRun(
    { devices: 'cpu:2', pipeline: 2, replicas: 1, steps: 100_000 },
    (event) => {
      if (event.type === 'step' && event.step === 5)
        looks.push(look(folder, entrance.own, entrance.token).finally(() => stop.abort()));
    },
    stop.signal,
    { runFolder: folder, onOpen: (opened) => (entrance = opened) },
  );
  const [looked] = looks;
  if (looked === undefined) throw new Error('nobody looked');
  return { seen: await looked, folder, run };
}

describe('a run that trains', () => {
  it(
    'answers through its folder with plan, progress and workers; nothing of it changes, and at the end the ' +
      'folder cannot be asked any more',
    async () => {
      const { seen, folder, run } = await whileTraining(async (inside) => ({
        status: await statusOfFolder(inside),
        mode: statSync(join(inside.path, 'coordinator.json')).mode & 0o777,
        ofCopy: await statusOfFolder(copyOf(inside)),
      }));
      // It knows no more than its events, and nobody goes on with it.
      expect(seen.ofCopy).toMatchObject({ state: 'killed', workers: [{ state: 'gone' }, { state: 'gone' }] });
      expect(seen.mode).toBe(0o600);
      expect(seen.status).toMatchObject({
        state: 'running',
        note: null,
        model: 'vit',
        stepsPlanned: 100_000,
        plan: { generation: 0, K: 2, R: 1, frozen: 0 },
      });
      expect(seen.status.steps).toBeGreaterThanOrEqual(6);
      expect(seen.status.loss).toBeGreaterThan(0);
      expect(seen.status.samplesPerSecond).toBeGreaterThan(0);
      expect(seen.status.workers.map(({ worker, state, device, pid }) => [worker, state, device, pid])).toEqual(
        run.of('worker.joined').map(({ worker, device, pid }) => [worker, 'training', device, pid]),
      );
      for (const { heardSeconds, peakBytes } of seen.status.workers) {
        expect(heardSeconds).toBeGreaterThanOrEqual(0);
        expect(peakBytes).toBeGreaterThan(1e6);
      }
      expect(run.of('peer.dropped')).toEqual([]);
      expect(existsSync(join(folder.path, 'coordinator.json'))).toBe(false);
    },
  );

  it(
    'answers at its address to whoever has the token, refuses a wrong one, and drops who asks and then wants ' + 'more',
    async () => {
      const { seen, run } = await whileTraining(async (_, url, token) => {
        const status = await askCoordinator(url, token);
        const refused = await askCoordinator(url, 'guess').then(
          () => null,
          (error: unknown) => (error as { code: string }).code,
        );
        // Asks as the status command does, and then claims to be a worker that is ready.
        const peer = await dial(url, { token, hello: { name: 'w0', role: 'status' } });
        const closed = new Promise<string>((resolve) => peer.onClose(resolve));
        const answers: string[] = [];
        peer.onMessage(({ type }) => void answers.push(type));
        peer.send({ type: 'ready', device: 'cpu', address: 'ws://127.0.0.1:1', domain: 'd', startSeconds: 0 });
        return { status, refused, reason: await closed, answers };
      });
      expect(seen.status).toMatchObject({ state: 'running', workers: [{ worker: 'w0' }, { worker: 'w1' }] });
      expect(seen.refused).toBe('PT_TOKEN');
      expect(seen.answers).toEqual(['status']);
      expect(seen.reason).toContain('sent "ready"');
      expect(run.of('peer.dropped').map(({ reason }) => reason)).toEqual([
        expect.stringContaining('token'),
        expect.stringContaining('sent "ready"'),
      ]);
      expect(run.of('worker.lost')).toEqual([]);
    },
  );
});

describe('a run that is over', () => {
  const cli = (...args: string[]): ReturnType<typeof spawn> =>
    spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' });
  const train = (out: string, changes: Partial<TrainConfigInput>): ReturnType<typeof spawn> =>
    cli(...trainArgs(changes), '--out', out);
  const ended = (child: ReturnType<typeof spawn>): Promise<number | null> =>
    new Promise((resolve) => child.once('close', resolve));

  it('says so', async () => {
    const out = join(scratch(), 'run');
    expect(await ended(train(out, { steps: 4 }))).toBe(0);
    expect(await statusOfFolder(RunFolder.open(out))).toMatchObject({
      state: 'finished',
      steps: 4,
      stepsPlanned: 4,
      workers: [{ worker: 'w0', state: 'gone', heardSeconds: null }],
    });
  });

  it('was killed, and is resumed with the command that it names', async () => {
    const out = join(scratch(), 'run');
    const child = train(out, { steps: 100_000, checkpointEvery: '5 steps' });
    const end = ended(child);
    let before: RunStatus | null = null;
    // Steps run ahead of the checkpoint that is written beside them: only one that has its name can be gone on from.
    const hasCheckpoint = (): boolean =>
      existsSync(join(out, 'checkpoints')) &&
      readdirSync(join(out, 'checkpoints')).some((name) => /^step-\d+$/.test(name));
    for (let tries = 0; before === null || before.steps < 10 || !hasCheckpoint(); tries++) {
      if (tries > 600) throw new Error('the run does not get on');
      await sleep(100);
      if (existsSync(join(out, 'coordinator.json'))) before = await statusOfFolder(RunFolder.open(out));
    }
    expect(['running', 'starting']).toContain(before.state);
    child.kill('SIGKILL');
    await end;
    // Nobody could remove it; it leads to a process that is not there.
    expect(existsSync(join(out, 'coordinator.json'))).toBe(true);
    expect(await statusOfFolder(RunFolder.open(out))).toMatchObject({
      state: 'killed',
      workers: [{ state: 'gone' }],
      note: `resume with: pipetrain resume ${out}`,
    });
    const stopped = cli('resume', out);
    const stop = ended(stopped);
    await waitForOther(out, child.pid ?? 0);
    stopped.kill('SIGTERM');
    expect(await stop).toBe(130);
    expect(await statusOfFolder(RunFolder.open(out))).toMatchObject({
      state: 'interrupted',
      note: `resume with: pipetrain resume ${out}`,
    });
  });
});

/** Until a process other than the given one answers for the run, and trains. */
async function waitForOther(out: string, pid: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    await sleep(100);
    const plate = doorplateSchema.safeParse(JSON.parse(RunFolder.open(out).readDoorplate() ?? 'null'));
    if (plate.success && plate.data.pid !== pid && (await statusOfFolder(RunFolder.open(out))).state === 'running')
      return;
  }
  throw new Error('nobody goes on with the run');
}
