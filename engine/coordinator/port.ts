// Port: the port of a run as its configuration asks for it: where, with which token and which certificate. What comes
// in through it is gate.ts's business.
import { randomBytes } from 'node:crypto';
import { listen, type ListenOptions } from '../comm/listen.js';
import { fingerprintOf, readCredentials, type Trust } from '../comm/tls.js';
import type { TrainConfig } from '../core/config.js';
import { type Entrance, entranceOf } from '../protocol/entrance.js';

export interface Port {
  /** How others reach the run. */
  readonly entrance: Entrance;
  /** The address that was asked for. */
  readonly host: string;
  /** What the own workers know this process by where the port speaks TLS. */
  readonly trust: Trust | undefined;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/** Address and port that a configuration names. */
export function placeOf({ listen: address, port }: TrainConfig): { readonly host: string; readonly port: number } {
  const [, host, given] = /^(.*):(\d+)$/.exec(address) ?? [];
  return host === undefined ? { host: '127.0.0.1', port } : { host: host.replace(/^\[|\]$/g, ''), port: Number(given) };
}

/** Opens the port; the token is a random one where none is given. Throws what listening throws, and PT_TLS_FILES. */
export async function openPort(
  config: TrainConfig,
  { token = randomBytes(24).toString('base64url'), ...options }: Pick<ListenOptions, 'token' | 'onRefused' | 'onPeer'>,
): Promise<Port> {
  const tls = readCredentials(config.tlsCert, config.tlsKey);
  const place = placeOf(config);
  const listener = await listen({ ...place, ...(tls === null ? {} : { tls }), token, name: 'coordinator', ...options });
  const trust = tls === null ? undefined : { fingerprint: fingerprintOf(tls.cert) };
  return {
    entrance: entranceOf(listener.url, token, trust?.fingerprint),
    host: place.host,
    trust,
    close: () => listener.close(),
  };
}
