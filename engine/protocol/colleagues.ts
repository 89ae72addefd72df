// Colleagues: the workers of a run to one of them: how each is reached, and the pass by which it lets that one in. A
// worker's port knows no token: the worker makes a secret and tells it the coordinator alone, which gives every other
// worker a pass that is good for its name, at that port, and for nothing else. Names are never given twice in a run, so
// a pass cannot be had before the name is, and serves nobody after. Pure.
import { createHmac, randomBytes } from 'node:crypto';
import type { Colleague, ReportOf } from './messages.js';

/** How a worker introduces itself to the coordinator: what others are told of it, and its secret, which nobody is. */
export type Introduction = Pick<ReportOf<'ready'>, 'address' | 'fingerprint' | 'domain' | 'secret'>;

/** A secret of 256 bits, as hexadecimal digits. */
export const newSecret = (): string => randomBytes(32).toString('hex');

/** What `name` shows at the port of the worker that has this secret. */
export const passOf = (secret: string, name: string): string =>
  createHmac('sha256', Buffer.from(secret, 'hex')).update(name).digest('hex');

/** What the worker `name` is told of everybody that was introduced, itself included. */
export function colleaguesFor(
  name: string,
  introductions: Iterable<readonly [worker: string, introduction: Introduction]>,
): Record<string, Colleague> {
  const colleagues: Record<string, Colleague> = {};
  for (const [worker, { secret, address, fingerprint, domain }] of introductions)
    colleagues[worker] = { address, fingerprint, domain, pass: passOf(secret, name) };
  return colleagues;
}
