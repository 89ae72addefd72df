// Port: the port of a run as its configuration asks for it: where, and with which certificate. What comes in through it
// is the coordinator's business.
import { listen, type Listener, type ListenOptions } from '../comm/listen.js';
import { fingerprintOf, readCredentials, type Trust } from '../comm/tls.js';
import type { TrainConfig } from '../core/config.js';

/** Address and port that a configuration names. */
export function placeOf({ listen: address, port }: TrainConfig): { readonly host: string; readonly port: number } {
  const [, host, given] = /^(.*):(\d+)$/.exec(address) ?? [];
  return host === undefined ? { host: '127.0.0.1', port } : { host: host.replace(/^\[|\]$/g, ''), port: Number(given) };
}

/**
 * Opens the port; `trust` is what the own workers know it by where it speaks TLS. Throws what listening throws, and
 * PT_TLS_FILES.
 */
export async function openPort(
  config: TrainConfig,
  options: Pick<ListenOptions, 'token' | 'name' | 'onRefused' | 'onPeer'>,
): Promise<{ readonly listener: Listener; readonly trust: Trust | undefined }> {
  const tls = readCredentials(config.tlsCert, config.tlsKey);
  const listener = await listen({ ...placeOf(config), ...(tls === null ? {} : { tls }), ...options });
  return { listener, trust: tls === null ? undefined : { fingerprint: fingerprintOf(tls.cert) } };
}
