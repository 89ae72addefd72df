// Workers that share no memory, as on different hosts: tensors, gradients, state, snapshots and checkpoints go over
// sockets, and no bit changes.
import { describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import { fingerprintOf } from '../../engine/comm/tls.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import { certificateSettings, certificateText } from '../comm/certificate.js';
import { cacheHitsOf, hashesOf, referenceRun, shapesOf, type TrainedRun, trainRun } from '../trainer/train-run.js';
import { joinAsGuest } from './guest.js';

const SOCKETS: Partial<TrainConfigInput> = { transport: 'socket' };

describe('training over sockets gives the bits of one device', () => {
  const one = () => referenceRun({ devices: 'cpu:1' });
  it.each([
    ['a pipeline of 2 stages', { devices: 'cpu:2', pipeline: 2, replicas: 1 }],
    ['2 replicas', { devices: 'cpu:2', pipeline: 1, replicas: 2 }],
    ['a pipeline of 4 stages', { devices: 'cpu:4', pipeline: 4, replicas: 1, schedule: 'gpipe' }],
  ] as const)('%s', async (_, changes) => {
    expect(hashesOf(await trainRun({ ...SOCKETS, ...changes }))).toEqual(hashesOf(await one()));
  });
});

describe('a run over sockets that freezes, becomes replicas and caches on every host', () => {
  const frozen: Partial<TrainConfigInput> = {
    modelOptions: { layers: 3, width: 16, heads: 2, patch: 8 },
    dataOptions: { samples: 119 },
    steps: 150,
    freeze: 'manual',
    freezeSchedule: '30:1,60:2',
    checkpointEvery: '40 steps',
  };
  const undisturbed = () => referenceRun({ ...frozen, devices: 'cpu:1', cache: 'off', dp: 'off' });
  it('has the bits of an undisturbed one, though each of its workers is killed', async () => {
    const pids: number[] = [];
    const run = await trainRun({ ...frozen, ...SOCKETS, devices: 'cpu:2', pipeline: 2, verifyCache: true }, (event) => {
      if (event.type === 'worker.joined') pids.push(event.pid);
      if (event.type !== 'step') return;
      // The first stage while there are two, a replica afterwards.
      if (event.step === 20 && pids.length === 2) process.kill(pids[0] as number, 'SIGKILL');
      if (event.step === 100 && pids.length === 3) process.kill(pids[1] as number, 'SIGKILL');
    });
    expect(shapesOf(run)).toContain('2x1 1x2');
    expect(run.of('recovered')).toMatchObject([
      { lost: ['w0'], workers: 2 },
      { lost: ['w1'], workers: 2 },
    ]);
    expect(cacheHitsOf(run)).toBeGreaterThan(0);
    expect(run.of('checkpoint.saved').map(({ step }) => step)).toEqual(expect.arrayContaining([40, 80, 120, 150]));
    expect(run.of('checkpoint.failed')).toEqual([]);
    expect(hashesOf(run)).toEqual(hashesOf(await undisturbed()));
  });
});

describe('a worker that joins from elsewhere', () => {
  const open: Partial<TrainConfigInput> = { steps: 100_000, lr: '1e-3', devices: 'cpu:1', replicas: 1 };
  /** Trains until `visit` is over and some steps more; then once more, undisturbed and as long. */
  async function withVisitor(
    changes: Partial<TrainConfigInput>,
    visit: (entrance: Entrance, until: (isTrue: (event: RunEventBody) => boolean) => Promise<void>) => Promise<void>,
  ): Promise<{ readonly run: TrainedRun; readonly undisturbed: TrainedRun }> {
    const stop = new AbortController();
    const waiting: { readonly isTrue: (event: RunEventBody) => boolean; readonly resolve: () => void }[] = [];
    const until = (isTrue: (event: RunEventBody) => boolean): Promise<void> =>
      new Promise((resolve) => void waiting.push({ isTrue, resolve }));
    const visits: Promise<void>[] = [];
    const onEvent = (event: RunEventBody): void => {
      for (const waiter of waiting) if (waiter.isTrue(event)) waiter.resolve();
    };
    const run = await trainRun({ ...open, ...SOCKETS, ...changes }, onEvent, stop.signal, {
      onOpen: (entrance) => void visits.push(visit(entrance, until).finally(() => stop.abort())),
    });
    await Promise.all(visits);
    return { run, undisturbed: await trainRun({ ...open, steps: run.finished.steps }) };
  }

  it('brings and takes its state over ports that speak TLS as the run does, and leaves no bit behind', async () => {
    const fingerprint = fingerprintOf(certificateText('one.cert'));
    const { run, undisturbed } = await withVisitor(certificateSettings('one'), async (entrance, until) => {
      const leave = new AbortController();
      const left = joinAsGuest(entrance, { trust: { fingerprint }, signal: leave.signal });
      await until(({ type }) => type === 'transition');
      await until(({ type }) => type === 'step');
      leave.abort();
      await left;
    });
    expect(shapesOf(run)).toEqual(['1x1 2x1', '2x1 1x1']);
    expect(run.of('recovered')).toEqual([]);
    expect(hashesOf(run)).toEqual(hashesOf(undisturbed));
  });

  it('and cannot be reached is given up, and the run goes on', async () => {
    const { run, undisturbed } = await withVisitor({}, async ({ url, token }, until) => {
      const peer = await dial(url, { token, hello: { name: 'liar', role: 'join', host: 'elsewhere', pid: 1 } });
      peer.route('assigned', () => undefined);
      peer.onMessage(({ type, ...order }) => {
        if (type === 'setup')
          peer.send({
            type: 'ready',
            device: 'cpu',
            address: 'ws://127.0.0.1:1',
            fingerprint: null,
            domain: 'elsewhere',
            secret: '0'.repeat(64),
            computeMs: null,
            startSeconds: 1,
          });
        if (type === 'prepare')
          peer.send({
            type: 'prepared',
            generation: (order['plan'] as { generation: number }).generation,
            movedBytes: 0,
            stateMs: 0,
          });
        if (type === 'ping') peer.send({ type: 'pong' });
      });
      await until(({ type }) => type === 'recovered');
      await until(({ type }) => type === 'step');
    });
    expect(run.of('recovered')).toMatchObject([{ lost: ['w1'], workers: 1 }]);
    expect(run.of('worker.lost')[0]?.reason).toMatch(
      /worker w0 cannot connect to worker w1: cannot reach ws:\/\/127\.0\.0\.1:1/,
    );
    expect(hashesOf(run)).toEqual(hashesOf(undisturbed));
  });
});
