// Joining a run, and asking it for its status, where its port speaks TLS: as real processes, with certificates of its
// own.
import { describe, expect, it } from 'vitest';
import { fingerprintOf } from '../../engine/comm/tls.js';
import type { TrainConfigInput } from '../../engine/core/config.js';
import { trainConfigSchema } from '../../engine/core/config.js';
import type { Entrance } from '../../engine/protocol/entrance.js';
import { joinCommand } from '../../engine/protocol/join-command.js';
import { askCoordinator } from '../../engine/status/ask-status.js';
import { certificateSettings, certificateText } from '../comm/certificate.js';
import { type TrainedRun, trainRun } from '../trainer/train-run.js';
import { joinAsGuest } from './guest.js';

const CONFIG = trainConfigSchema.parse({ model: 'vit', data: 'synthetic:digits' });

interface Failure {
  readonly code: string;
  readonly message: string;
}
const failureOf = (work: Promise<unknown>): Promise<Failure | null> =>
  work.then(
    () => null,
    (error: unknown) => ({ code: (error as Failure).code, message: (error as Failure).message }),
  );

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
      const { seen, run } = await duringRun(certificateSettings('one'), async (entrance, signal) => {
        const { url, token } = entrance;
        const pinned = { fingerprint: fingerprintOf(certificateText('one.cert')) };
        const wrong = { fingerprint: fingerprintOf(certificateText('other.cert')) };
        const joined = await new Promise<boolean>((resolve, reject) => {
          joinAsGuest(entrance, { trust: pinned, signal, onJoined: () => resolve(true) }).then(
            () => resolve(false),
            reject,
          );
        });
        return {
          url,
          command: joinCommand({ entrance, config: CONFIG, token: 'made' }).command,
          joined,
          named: await askCoordinator(url, token, { ca: certificateText('one.cert') }),
          refused: await failureOf(joinAsGuest({ url, token }, { trust: wrong, signal })),
          unknown: await failureOf(askCoordinator(url, token)),
          plain: await failureOf(joinAsGuest({ url: url.replace('wss:', 'ws:'), token }, { trust: {}, signal })),
        };
      });
      expect(seen.url).toMatch(/^wss:/);
      expect(seen.command).toContain(`--tls-fingerprint ${fingerprintOf(certificateText('one.cert'))}`);
      expect(seen.joined).toBe(true);
      expect(seen.named).toMatchObject({ model: 'vit' });
      expect(seen.named.workers.map(({ worker }) => worker)).toContain('w1');
      expect(seen.refused?.code).toBe('PT_TLS_CERT');
      for (const name of ['one', 'other'])
        expect(seen.refused?.message).toContain(fingerprintOf(certificateText(`${name}.cert`)));
      expect(seen.unknown?.code).toBe('PT_TLS_CERT');
      expect(seen.plain).toMatchObject({ code: 'PT_TLS', message: expect.stringContaining('speaks TLS') as string });
      expect(run.of('worker.lost')).toEqual([]);
    },
  );

  it('is refused where its certificate is out of date, but for a pinned one', async () => {
    const { seen } = await duringRun(certificateSettings('expired'), async ({ url, token }, signal) => ({
      joining: await failureOf(joinAsGuest({ url, token }, { trust: { ca: certificateText('expired.cert') }, signal })),
      pinned: await askCoordinator(url, token, { fingerprint: fingerprintOf(certificateText('expired.cert')) }),
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
      failureOf(joinAsGuest({ url: url.replace('ws:', 'wss:'), token }, { trust: {}, signal })),
    );
    expect(seen).toMatchObject({ code: 'PT_TLS', message: expect.stringContaining('plain text') as string });
  });
});
