// Handshake: what two processes tell each other before they are peers. The token travels in a header of the upgrade
// request, so a stranger is refused before a connection exists; then one hello frame goes up and one welcome frame
// comes back.
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { FRAME_VERSION } from './frame.js';

export const VERSION_HEADER = 'x-pipetrain-frames';

/** WebSocket close codes of a refused handshake (4000-4999 are free for applications). */
export const CLOSE_CODE = { badHello: 4400, helloTimeout: 4408, refused: 4403 } as const;

/** Every handshake must finish within this time unless the caller says otherwise. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** How a process introduces itself; the caller may add fields of its own. */
export interface Hello {
  readonly name: string;
  readonly [field: string]: unknown;
}

const name = z.string().min(1).max(128);
export const helloSchema = z.looseObject({ type: z.literal('hello'), name });
export const welcomeSchema = z.object({ type: z.literal('welcome'), name });

/** The request headers of a dialler. */
export function handshakeHeaders(token: string | undefined): Record<string, string> {
  return {
    [VERSION_HEADER]: String(FRAME_VERSION),
    ...(token === undefined ? {} : { authorization: credential(token) }),
  };
}

/** Base64, because a header holds neither every character nor a space at its end. */
const credential = (token: string): string => `Bearer ${Buffer.from(token).toString('base64url')}`;

/** Whether the Authorization header carries the token; takes the same time for every wrong one. */
export function isAuthorized(header: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return true;
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(header ?? ''), hash(credential(token)));
}

/** Whether only processes of this machine can reach an address. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    bare === 'localhost' ||
    bare === '::1' ||
    bare === '::ffff:127.0.0.1' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare)
  );
}
