// Joining a run, and asking it for its status, where its port speaks TLS: as real processes, with certificates of its
// own.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, type Trust } from '../../engine/comm/tls.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { type Entrance, joinCommand } from '../../engine/protocol/entrance.js';
import { askCoordinator } from '../../engine/status/ask-status.js';
import { runWorkers } from '../../engine/worker/worker-agent.js';
import { type TrainedRun, trainRun } from '../trainer/train-run.js';

const pathOf = (name: string): string => join(import.meta.dirname, '../comm/certificates', `${name}.pem`);
const pem = (name: string): string => readFileSync(pathOf(name), 'utf8');
const secured = (name: string): Partial<TrainConfigInput> => ({
  tlsCert: pathOf(`${name}.cert`),
  tlsKey: pathOf(`${name}.key`),
});

interface Failure {
  readonly code: string;
  readonly message: string;
}
const failureOf = (work: Promise<unknown>): Promise<Failure | null> =>
  work.then(
    () => null,
    (error: unknown) => ({ code: (error as Failure).code, message: (error as Failure).message }),
  );

/** A worker that joins; resolves when it was let go. */
function joinRun(
  url: string,
  token: string,
  trust: Trust,
  signal: AbortSignal,
  onJoined: () => void = () => undefined,
): Promise<void> {
  return runWorkers({
    run: { url, token, trust },
    name: 'guest',
    devices: 'cpu:1',
    material: { model: null, data: null, dataOptions: {} },
    listen: { host: null, port: 0 },
    retrySeconds: 0,
    signal,
    watcher: { onNews: (_, news) => void (news.type === 'joined' && onJoined()), onRetry: () => undefined },
  });
}

/** A run that goes on for as long as `visit` takes. */
async function duringRun<T>(
  changes: Partial<TrainConfigInput>,
  visit: (entrance: Entrance, signal: AbortSignal) => Promise<T>,
): Promise<{ readonly seen: T; readonly run: TrainedRun }> {
  const stop = new AbortController();
  const visits: Promise<T>[] = [];
  const run = await trainRun({ steps: 100_000, devices: 'cpu:1', ...changes }, () => undefined, stop.signal, {
    onOpen: (entrance) => void visits.push(visit(entrance, stop.signal).finally(() => stop.abort())),
  });
  const [first] = visits;
  if (first === undefined) throw new Error('the run did not open');
  return { seen: await first, run };
}

describe('a run whose port speaks TLS', () => {
  it(
    'is joined and asked with its certificate named or pinned; wrong fingerprints and plain text are refused ' +
      'with what is wrong',
    async () => {
      const { seen, run } = await duringRun(secured('one'), async (entrance, signal) => {
        const { url, token } = entrance;
        const pinned = { fingerprint: fingerprintOf(pem('one.cert')) };
        const wrong = { fingerprint: fingerprintOf(pem('other.cert')) };
        const joined = await new Promise<boolean>(
          (resolve, reject) =>
            void joinRun(url, token, pinned, signal, () => resolve(true)).then(() => resolve(false), reject),
        );
        return {
          url,
          command: joinCommand(entrance),
          joined,
          named: await askCoordinator(url, token, { ca: pem('one.cert') }),
          refused: await failureOf(joinRun(url, token, wrong, signal)),
          unknown: await failureOf(askCoordinator(url, token)),
          plain: await failureOf(joinRun(url.replace('wss:', 'ws:'), token, {}, signal)),
        };
      });
      expect(seen.url).toMatch(/^wss:/);
      expect(seen.command).toContain(`--tls-fingerprint ${fingerprintOf(pem('one.cert'))}`);
      expect(seen.joined).toBe(true);
      expect(seen.named).toMatchObject({ model: 'vit' });
      expect(seen.named.workers.map(({ worker }) => worker)).toContain('w1');
      expect(seen.refused?.code).toBe('PT_TLS_CERT');
      for (const name of ['one', 'other']) expect(seen.refused?.message).toContain(fingerprintOf(pem(`${name}.cert`)));
      expect(seen.unknown?.code).toBe('PT_TLS_CERT');
      expect(seen.plain).toMatchObject({ code: 'PT_TLS', message: expect.stringContaining('speaks TLS') as string });
      expect(run.of('worker.lost')).toEqual([]);
    },
  );

  it('is refused where its certificate is out of date, but for a pinned one', async () => {
    const { seen } = await duringRun(secured('expired'), async ({ url, token }, signal) => ({
      joining: await failureOf(joinRun(url, token, { ca: pem('expired.cert') }, signal)),
      pinned: await askCoordinator(url, token, { fingerprint: fingerprintOf(pem('expired.cert')) }),
    }));
    expect(seen.joining).toMatchObject({
      code: 'PT_TLS_CERT',
      message: expect.stringContaining('out of date') as string,
    });
    expect(seen.pinned).toMatchObject({ model: 'vit' });
  });
});

describe('a run whose port speaks plain text', () => {
  it('refuses a worker that wants TLS, which says so', async () => {
    const { seen } = await duringRun({}, ({ url, token }, signal) =>
      failureOf(joinRun(url.replace('ws:', 'wss:'), token, {}, signal)),
    );
    expect(seen).toMatchObject({ code: 'PT_TLS', message: expect.stringContaining('plain text') as string });
  });
});
