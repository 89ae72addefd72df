// What happens when something breaks: real workers are really killed; the error names the cause, and nothing is left
// behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { newestResumePoint } from '../../engine/checkpoint/run-checkpoint.js';
import { withWorkers } from '../../engine/coordinator/with-workers.js';
import { trainConfigSchema } from '../../engine/core/config.js';
import { EventFile } from '../../engine/events/event-file.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { workersOf } from '../../engine/run/devices.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { microBatchOf, setUpRun } from '../../engine/run/run-setup.js';
import { sharedMemoryFolder } from '../../engine/tensor/mapped-file.js';
import { factsOf } from '../../engine/trainer/run-facts.js';
import { Trainer } from '../../engine/trainer/trainer.js';
import { certificatePath, certificateSettings } from '../comm/certificate.js';
import { scratch } from '../scratch.js';
import { MAIN, trainArgs } from './train-command.js';
import { TINY, trainRun } from './train-run.js';

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
const memoryFoldersOf = (pid: number): string[] =>
  readdirSync(sharedMemoryFolder()).filter((name) => name.startsWith(`pipetrain-${pid}-`));

/** Waits until `isTrue`, at most `limitMs`; the last answer. */
async function eventually(isTrue: () => boolean, limitMs = 10_000): Promise<boolean> {
  for (const end = Date.now() + limitMs; Date.now() < end && !isTrue();) await sleep(50);
  return isTrue();
}

describe('settings that cannot be read', () => {
  it.each(['import(3)', '1e-3*', 'foo * step'])(
    'end a run before it tells or starts anything (--lr "%s")',
    async (lr) => {
      const events: RunEventBody[] = [];
      await expect(trainRun({ lr }, (event) => void events.push(event))).rejects.toMatchObject({ exitCode: 2 });
      expect(events).toEqual([]);
    },
  );
});

describe('a worker that is killed', () => {
  it(
    'ends the run with its name where nobody is left and nobody may be started, and leaves no process and no ' +
      'memory',
    async () => {
      const pids: number[] = [];
      const onEvent = (event: RunEventBody): void => {
        if (event.type === 'worker.joined') pids.push(event.pid);
        if (event.type === 'step' && event.step === 3) process.kill(pids[0] as number, 'SIGKILL');
      };
      await expect(trainRun({ devices: 'cpu:1', maxRestarts: 0, steps: 5000 }, onEvent)).rejects.toMatchObject({
        code: 'PT_WORKER_LOST',
        exitCode: 4,
        message: expect.stringMatching(/worker w0 \(pid \d+\) was killed by SIGKILL/) as string,
      });
      expect(pids).toHaveLength(1);
      expect(await eventually(() => !pids.some(isAlive))).toBe(true);
      expect(memoryFoldersOf(process.pid)).toEqual([]);
    },
  );
});

describe('a run that cannot go on', () => {
  it('stops before the update when the loss is not finite, and names step and block', async () => {
    await expect(trainRun({ lr: '1e30', clip: 0 })).rejects.toMatchObject({
      code: 'PT_NON_FINITE',
      exitCode: 5,
      message: expect.stringMatching(/step \d+: the loss is/) as string,
    });
    expect(memoryFoldersOf(process.pid)).toEqual([]);
  });

  it('saves what is done and stops in front of a step that has no learning rate', async () => {
    const events: RunEventBody[] = [];
    const runFolder = RunFolder.create(join(scratch(), 'run'));
    const config = trainConfigSchema.parse({ ...TINY, lr: 'step == 5 ? 1 / 0 : 1e-3' });
    const host = {
      runFolder,
      emit: (event: RunEventBody) => void events.push(event),
      signal: new AbortController().signal,
    };
    const options = {
      config,
      workers: workersOf(config.devices),
      microBatch: microBatchOf(config),
      programCache: null,
    };
    // As a run does it, but for the look at all rates before the first step.
    const failing = withWorkers(options, async (coordinator) => {
      const setup = await setUpRun(config);
      const trainer = new Trainer(setup, host, null, coordinator, null);
      coordinator.serve({
        digests: () => trainer.digests(),
        model: () => {
          throw new Error('nobody asks');
        },
        facts: factsOf(setup),
        onReport: (report, worker) => trainer.note(report, worker),
        onDropped: () => undefined,
        onRefused: () => undefined,
      });
      await trainer.train().finally(() => trainer.close());
    });
    await expect(failing).rejects.toMatchObject({
      code: 'PT_LR_EXPRESSION',
      message: expect.stringContaining('is Infinity at step 5 of 12') as string,
    });
    expect(events.filter(({ type }) => type === 'step')).toHaveLength(5);
    expect(newestResumePoint(runFolder.checkpointsPath).point.manifest.step).toBe(5);
    expect(memoryFoldersOf(process.pid)).toEqual([]);
  });

  it('refuses a learning rate that one step in between does not have, before it computes', async () => {
    const steps: RunEventBody[] = [];
    const onEvent = (event: RunEventBody): void => void (event.type === 'step' && steps.push(event));
    await expect(trainRun({ lr: 'step == 5 ? 1 / 0 : 1e-3' }, onEvent)).rejects.toMatchObject({
      code: 'PT_LR_EXPRESSION',
      exitCode: 2,
    });
    expect(steps).toEqual([]);
  });

  it('refuses a model that does not fit into shared memory, with both numbers', async () => {
    await expect(trainRun({ modelOptions: { layers: 2, width: 65_536, heads: 2, patch: 8 } })).rejects.toMatchObject({
      code: 'PT_SHM_FULL',
      exitCode: 4,
      message: expect.stringMatching(/\d+ .*\d+/) as string,
    });
    expect(memoryFoldersOf(process.pid)).toEqual([]);
  });
  it('refuses more stages than blocks', async () => {
    await expect(trainRun({ devices: 'cpu:9', pipeline: 9 })).rejects.toMatchObject({
      code: 'PT_TOO_MANY_STAGES',
      exitCode: 2,
      message: expect.stringMatching(/9.*6|6.*9/) as string,
    });
  });
  it('refuses a batch that micro-batches do not divide', async () => {
    await expect(trainRun({ batch: 16, microBatch: 5 })).rejects.toMatchObject({ code: 'PT_MICRO_BATCH', exitCode: 2 });
  });
  it('refuses a port that is in use', async () => {
    const { listen } = await import('../../engine/comm/listen.js');
    const taken = await listen({ token: 't', onPeer: () => undefined });
    await expect(trainRun({ port: taken.port })).rejects.toMatchObject({
      code: 'PT_PORT_IN_USE',
      exitCode: 2,
      message: expect.stringContaining(String(taken.port)) as string,
    });
    await taken.close();
  });
});

describe('a run whose port speaks TLS', () => {
  it('ends with the bits of any other', async () => {
    const [secure, plain] = await Promise.all([trainRun(certificateSettings('one')), trainRun({})]);
    expect(secure.finished.weightsSha256).toBe(plain.finished.weightsSha256);
    expect(secure.of('peer.dropped')).toEqual([]);
  });
  it('is refused with a key of another certificate', async () => {
    await expect(
      trainRun({ ...certificateSettings('one'), tlsKey: certificatePath('other.key') }),
    ).rejects.toMatchObject({ code: 'PT_TLS_FILES', exitCode: 2 });
  });
});

describe('an interrupted run', () => {
  it('saves at the next step boundary and says so', async () => {
    const stop = new AbortController();
    const run = await trainRun(
      { steps: 5000 },
      (event) => event.type === 'step' && event.step === 4 && stop.abort(),
      stop.signal,
    );
    expect(run.finished).toMatchObject({ isInterrupted: true });
    expect(run.finished.steps).toBeLessThan(10);
    expect(run.of('checkpoint.saved')).toHaveLength(1);
  });
});

describe('the command', () => {
  function start(): {
    child: ReturnType<typeof spawn>;
    pids: number[];
    reached: Promise<void>;
    folder: string;
  } {
    const folder = scratch();
    const args = trainArgs({ devices: 'cpu:2', pipeline: 2, steps: 50_000 });
    const child = spawn(process.execPath, [MAIN, ...args, '--json', '--out', join(folder, 'run')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, as a shell gives it.
      detached: true,
    });
    const pids: number[] = [];
    let text = '';
    const reached = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) {
          const event = JSON.parse(line) as RunEventBody;
          if (event.type === 'worker.joined') pids.push(event.pid);
          if (event.type === 'step' && event.step === 3) resolve();
        }
      });
      child.once('close', () => resolve());
    });
    return { child, pids, reached, folder };
  }

  it('that is itself killed leaves no worker behind, and the next one sweeps its memory', async () => {
    const { child, pids, reached } = start();
    await reached;
    const pid = child.pid as number;
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(pids).toHaveLength(2);
    expect(await eventually(() => !pids.some(isAlive))).toBe(true);
    await trainRun({ steps: 1 });
    expect(memoryFoldersOf(pid)).toEqual([]);
  });

  it.each([
    ['a SIGTERM', 'SIGTERM', (pid: number) => pid],
    ['a SIGHUP to it and its workers, as when their terminal closes,', 'SIGHUP', (pid: number) => -pid],
  ] as const)('exits with 130 after %s having saved', async (_what, signal, target) => {
    const { child, reached, folder, pids } = start();
    await reached;
    process.kill(target(child.pid as number), signal);
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
    expect(readdirSync(join(folder, 'run', 'checkpoints'))).toHaveLength(1);
    expect(
      [...new EventFile(join(folder, 'run', 'events.jsonl'))].filter(({ type }) => type === 'worker.lost'),
    ).toEqual([]);
    expect(await eventually(() => !pids.some(isAlive))).toBe(true);
  });

  it.runIf(existsSync('/dev/full'))(
    'goes on where both outputs are a full disk, and an interrupted run survives a resume that fails',
    async () => {
      const run = join(scratch(), 'run');
      const full = openSync('/dev/full', 'w');
      const ended = (args: readonly string[], output: number | 'ignore'): Promise<unknown[]> =>
        once(spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', output, output] }), 'close');
      expect(await ended([...trainArgs(), '--out', run], full)).toEqual([0, null]);
      closeSync(full);
      const events = [...new EventFile(join(run, 'events.jsonl'))];
      expect(events.at(-1)).toMatchObject({ type: 'run.finished', steps: 12 });
      expect(
        events.flatMap((event) => (event.type === 'warning' ? [event.message.replace(/ \(.*/, '')] : [])).sort(),
      ).toEqual(['standard error cannot be written', 'standard output cannot be written']);

      // As it would be had it been interrupted: a finished run is left as it is.
      const path = join(run, 'events.jsonl');
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
      writeFileSync(path, `${lines.filter((line) => !line.includes('"run.finished"')).join('\n')}\n`);

      const texts = (): string[] =>
        ['events.jsonl', 'summary.json', 'report.html', 'config.resolved.yaml'].map((name) =>
          readFileSync(join(run, name), 'utf8'),
        );
      const before = texts();
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      expect(await ended(['resume', run, '--port', String(port)], 'ignore')).toEqual([2, null]);
      taken.close();
      expect(await ended(['resume', run, '--memory-dir', join(run, 'nowhere')], 'ignore')).not.toEqual([0, null]);
      expect(texts()).toEqual(before);
      expect(readdirSync(run)).not.toContain('lock');
    },
  );
});
