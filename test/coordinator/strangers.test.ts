// Whoever has the token of a run but is no worker of it: at the ports of the workers it opens nothing, at that of the
// coordinator no name that is not its own, and silence gets it forgotten. The result is that of a run left alone.
import { describe, expect, it } from 'vitest';
import { dial } from '../../engine/comm/dial.js';
import type { Peer } from '../../engine/comm/peer.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import type { RunEventBody } from '../../engine/events/events.js';
import { bellKey } from '../../engine/protocol/bells.js';
import { passOf } from '../../engine/protocol/colleagues.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import { hashesOf, type TrainedRun, trainRun } from '../trainer/train-run.js';
import { listeningPorts } from './listening-ports.js';

const OPEN: Partial<TrainConfigInput> = { steps: 1_000_000, lr: '1e-3', devices: 'cpu:2', pipeline: 2, replicas: 1 };
const codeOf = (error: unknown): string => (error as { readonly code: string }).code;

/** A run that `intrude` visits; then the same again, left alone. `events` are those so far. */
async function intruded(
  changes: Partial<TrainConfigInput>,
  intrude: (entrance: Entrance, events: readonly RunEventBody[]) => Promise<void>,
): Promise<{ readonly run: TrainedRun; readonly alone: TrainedRun }> {
  const stop = new AbortController();
  const events: RunEventBody[] = [];
  const visits: Promise<void>[] = [];
  const run = await trainRun({ ...OPEN, ...changes }, (event) => void events.push(event), stop.signal, {
    onOpen: (entrance) => void visits.push(intrude(entrance, events).finally(() => stop.abort())),
  });
  await Promise.all(visits);
  return { run, alone: await trainRun({ ...OPEN, devices: 'cpu:1', pipeline: 'auto', steps: run.finished.steps }) };
}

/** Resolves when that is so; looks every few milliseconds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}
/** Rings for every micro-batch of many steps, at both stages. */
async function ringAll(peer: Peer): Promise<void> {
  for (let step = 20; step < 2000; step++)
    for (let micro = 0; micro < 8; micro++) {
      peer.send({ type: 'bell', key: bellKey('F', { generation: 1, step }, 1, micro) });
      peer.send({ type: 'bell', key: bellKey('B', { generation: 1, step }, 0, micro) });
    }
  await peer.sendFlushed({ type: 'beat' });
}
const numSteps = (events: readonly RunEventBody[]): number => events.filter(({ type }) => type === 'step').length;

describe('a stranger with the token of the run', () => {
  it('that rings and writes at every port of a worker is not let in, and changes no bit', async () => {
    const codes = new Set<string>();
    const { run, alone } = await intruded({}, async ({ token }, events) => {
      await until(() => numSteps(events) >= 20);
      const pids = events.flatMap((event) => (event.type === 'worker.joined' ? event.pid : []));
      const ports = pids.flatMap(listeningPorts);
      expect(ports).toHaveLength(2);
      // Few and at the same time: whoever shows wrong passes waits longer for each answer.
      const attempts = ports.flatMap((port) => [
        ...['w0', 'w1', 'w2'].map((name) => ({ port, name, pass: token })),
        { port, name: 'w2', pass: passOf('0'.repeat(64), 'w2') },
      ]);
      await Promise.all(
        attempts.map(({ port, name, pass }) =>
          dial(`ws://127.0.0.1:${port}`, { token: pass, hello: { name } }).then(
            (peer) => ringAll(peer).then(() => codes.add('let in')),
            (error: unknown) => codes.add(codeOf(error)),
          ),
        ),
      );
      const done = numSteps(events);
      await until(() => numSteps(events) >= done + 20);
    });
    expect([...codes]).toEqual(['PT_TOKEN']);
    expect(run.of('peer.dropped').map(({ peer }) => peer)).toEqual(
      expect.arrayContaining([expect.stringMatching(/at worker w0$/), expect.stringMatching(/at worker w1$/)]),
    );
    expect(run.of('recovered')).toEqual([]);
    expect(hashesOf(run)).toEqual(hashesOf(alone));
  });

  it('cannot come in the name of a worker that is to replace a lost one', async () => {
    const codes = new Set<string>();
    const { run, alone } = await intruded({}, async ({ own, token }, events) => {
      await until(() => numSteps(events) >= 20);
      const [, victim] = events.flatMap((event) => (event.type === 'worker.joined' ? event.pid : []));
      const isOver = (): boolean => events.some(({ type }) => type === 'recovered');
      process.kill(victim as number, 'SIGKILL');
      for (const pass of [undefined, token, '0'.repeat(64)]) {
        do
          await dial(own, { token, hello: { name: 'w2', ...(pass === undefined ? {} : { pass }) } }).then(
            (peer) => new Promise<void>((resolve) => peer.onClose((reason) => (codes.add(reason), resolve()))),
            (error: unknown) => void codes.add(codeOf(error)),
          );
        while (pass === '0'.repeat(64) && !isOver());
      }
    });
    expect([...codes]).toEqual(['no worker "w2" is expected']);
    expect(run.of('recovered')).toMatchObject([{ lost: ['w1'], workers: 2 }]);
    expect(run.of('worker.joined').map(({ worker }) => worker)).toEqual(['w0', 'w1', 'w2']);
    expect(hashesOf(run)).toEqual(hashesOf(alone));
  });

  it('that knocks and falls silent, before it is ready or after, is forgotten', async () => {
    const reasons: string[] = [];
    const { run } = await intruded({ heartbeatSeconds: 0.4 }, async ({ own, token }, events) => {
      const knock = async (pid: number): Promise<void> => {
        const hello = { name: `n${pid}`, role: 'join', host: 'h', pid };
        const peer = await dial(own, { token, hello });
        const closed = new Promise<string>((resolve) => peer.onClose(resolve));
        peer.route('assigned', () => undefined);
        peer.onMessage(({ type }) => {
          if (type === 'setup' && pid % 2 === 0)
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
        });
        reasons.push(await closed);
      };
      await Promise.all(Array.from({ length: 100 }, (_, pid) => knock(pid)));
      const done = numSteps(events);
      await until(() => numSteps(events) >= done + 5);
    });
    expect(reasons).toHaveLength(100);
    for (const reason of reasons)
      expect(reason).toMatch(/^given up by the coordinator$|^64 workers from this host wait/);
    expect(run.finished.steps).toBeGreaterThan(0);
  });
});
