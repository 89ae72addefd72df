// A worker that joins a run from outside: one device, and nothing of its own but what the test gives it.
import type { Entrance } from '../../engine/protocol/entrance.js';
import { type HostMaterial, type JoinedRun, runWorkers } from '../../engine/worker/worker-agent.js';

export interface GuestOptions {
  /** Aborted when it shall leave. */
  readonly signal: AbortSignal;
  readonly trust?: JoinedRun['trust'];
  readonly material?: Partial<HostMaterial>;
  readonly onJoined?: () => void;
}

/** Joins; resolves when it was let go. */
export const joinAsGuest = (
  { url, token }: Pick<Entrance, 'url' | 'token'>,
  { signal, trust, material, onJoined }: GuestOptions,
): Promise<void> =>
  runWorkers({
    run: { url, token, ...(trust === undefined ? {} : { trust }) },
    name: 'guest',
    devices: 'cpu:1',
    material: { model: null, data: null, modelOptions: {}, dataOptions: {}, ...material },
    listen: { host: null, port: 0 },
    retrySeconds: 0,
    signal,
    watcher: { onNews: (_, news) => void (news.type === 'joined' && onJoined?.()), onRetry: () => undefined },
  });
