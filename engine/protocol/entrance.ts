// Entrance: how others reach a run: the address of its coordinator and the token. Pure text; the socket is
// comm/listen.ts.
import { networkInterfaces } from 'node:os';

export interface Entrance {
  /** An address that means this host elsewhere, too. */
  readonly url: string;
  readonly token: string;
  /** An address under which this host itself reaches it. */
  readonly own: string;
  /** The socket of the file system where processes of this user reach it, past everybody else; null where none is. */
  readonly local: string | null;
  /** SHA-256 of the certificate where the port speaks TLS, or null. */
  readonly fingerprint: string | null;
  /** Whether only processes of this host reach it. */
  readonly isLocal: boolean;
}

const WILDCARDS = ['0.0.0.0', '[::]'];

/**
 * The entrance of a listener. One that listens everywhere is named by the first address of this host that is not its
 * loopback.
 */
export function entranceOf(
  url: string,
  { token, local, fingerprint }: Pick<Entrance, 'token' | 'local' | 'fingerprint'>,
): Entrance {
  const { hostname } = new URL(url);
  const isLocal = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  return {
    url: WILDCARDS.includes(hostname) ? withHost(url, publicAddress()) : url,
    token,
    own: ownUrl(url),
    local,
    fingerprint,
    isLocal,
  };
}

/** An address under which this host reaches its own listener. */
export function ownUrl(url: string): string {
  return WILDCARDS.includes(new URL(url).hostname) ? withHost(url, '127.0.0.1') : url;
}

/**
 * An address as the other side knows itself, made one that can be dialled: listening everywhere says nothing about
 * where.
 */
export function reachable(url: string, via: string): string {
  return WILDCARDS.includes(new URL(url).hostname) ? withHost(url, new URL(via).hostname) : url;
}

const withHost = (url: string, host: string): string => url.replace(/^(wss?:\/\/)(\[[^\]]*\]|[^:/]*)/, `$1${host}`);

function publicAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found =
    all.find(({ internal, family }) => !internal && family === 'IPv4') ?? all.find(({ internal }) => !internal);
  if (found === undefined) return '127.0.0.1';
  return found.family === 'IPv6' ? `[${found.address}]` : found.address;
}
