// Port: the port of a run as its configuration asks for it: where, with which token and which certificate; and the
// socket in its memory, through which processes of this user come whatever goes on at the port. What comes in through
// either is gate.ts's business.
import { isLoopback } from '../comm/handshake.js';
import { listen, listenLocally, type ListenOptions } from '../comm/listen.js';
import { localSocketPath } from '../comm/local-socket.js';
import { fingerprintOf, readCredentials, type Trust } from '../comm/tls.js';
import type { TrainConfig } from '../core/config.js';
import { type Entrance, entranceOf } from '../protocol/entrance.js';
import { makeToken, requireStrongToken } from '../protocol/token.js';

/** Bytes of what somebody says who takes no part yet: a worker that joins, or one who only asks. */
const GUEST_FRAME_BYTES = 65_536;
/** How this process is called, to those who dial and in the memory of the run. */
const NAME = 'coordinator';

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

/** What comes in through a port, and where the memory of the run lies. */
export interface PortOptions extends Pick<ListenOptions, 'token' | 'onRefused' | 'onPeer'> {
  readonly folder: string;
}

/**
 * Opens the port; the token is a random one where none is given. Throws what listening throws, PT_TLS_FILES, and
 * PT_TOKEN_WEAK for a token that could be guessed.
 */
export async function openPort(
  config: TrainConfig,
  { token = makeToken(), folder, ...options }: PortOptions,
): Promise<Port> {
  const tls = readCredentials(config.tlsCert, config.tlsKey);
  const place = placeOf(config);
  requireStrongToken(token, place.host, isLoopback(place.host));
  const common = { token, name: NAME, limits: { guestFrameBytes: GUEST_FRAME_BYTES }, ...options };
  const listener = await listen({ ...place, ...(tls === null ? {} : { tls }), ...common });
  const path = localSocketPath(folder, NAME);
  const local = path === null ? null : await listenLocally(path, common);
  const trust = tls === null ? undefined : { fingerprint: fingerprintOf(tls.cert) };
  return {
    entrance: entranceOf(listener.url, {
      token,
      local: local === null ? null : path,
      fingerprint: trust?.fingerprint ?? null,
    }),
    host: place.host,
    trust,
    close: async () => {
      await Promise.all([listener.close(), local?.close()]);
    },
  };
}
