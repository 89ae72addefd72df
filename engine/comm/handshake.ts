// Handshake: what two processes tell each other before they are peers. The name of the dialler and its pass (the token
// of a run, or what was given to it alone) travel in headers of the upgrade request, so a stranger is refused before a
// connection exists; then one hello frame goes up and one welcome frame comes back.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { FRAME_VERSION } from './frame.js';

export const VERSION_HEADER = 'x-pipetrain-frames';
const NAME_HEADER = 'x-pipetrain-name';

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

/** What a dialler shows before it is let in; null where its request holds none. */
export interface Shown {
  readonly name: string | null;
  readonly pass: string | null;
}

/** The request headers of a dialler. */
export function handshakeHeaders(pass: string | undefined, name?: string): Record<string, string> {
  return {
    [VERSION_HEADER]: String(FRAME_VERSION),
    ...(name === undefined ? {} : { [NAME_HEADER]: inHeader(name) }),
    ...(pass === undefined ? {} : { authorization: `Bearer ${inHeader(pass)}` }),
  };
}

/** What `handshakeHeaders` wrote. The name is one that a hello may have. */
export function shownIn(headers: IncomingHttpHeaders): Shown {
  const header = headers[NAME_HEADER];
  const given = name.safeParse(typeof header === 'string' ? fromHeader(header) : null);
  const [, pass] = /^Bearer (.*)$/.exec(headers.authorization ?? '') ?? [];
  return { name: given.success ? given.data : null, pass: pass === undefined ? null : fromHeader(pass) };
}

/** Base64, because a header holds neither every character nor a space at its end. */
const inHeader = (text: string): string => Buffer.from(text).toString('base64url');
const fromHeader = (text: string): string => Buffer.from(text, 'base64url').toString();

/** Whether a pass is the right one; takes the same time for every wrong one. */
export function isSamePass(shown: string | null, right: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(shown ?? ''), hash(right)) && shown !== null;
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
