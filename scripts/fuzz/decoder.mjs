// Damaged frames against the decoder: none may be accepted, whatever is decoded after it was sealed anew must be plain,
// and the schemas must not stumble.
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeFrame, FrameError, sealFrame } from '#dist/engine/comm/frame.js';
import { orderSchema, reportSchema } from '#dist/engine/protocol/messages.js';
import { textOf } from './fuzz-run.mjs';

/** @typedef {import('./fuzz-run.mjs').FuzzRun} FuzzRun */

/** One frame must not take longer. */
const SLOWEST_MS = 1000;

/**
 * @param {FuzzRun} fuzz
 * @param {number} count
 */
export async function fuzzDecoder(fuzz, count) {
  const counts = { refused: 0, accepted: 0, sealed: 0, sealedDecoded: 0, sealedValid: 0 };
  let slowestMs = 0;
  const decode = (/** @type {Uint8Array} */ bytes, /** @type {string} */ what) => {
    const begin = performance.now();
    try {
      return decodeFrame(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) fuzz.failures.push(`${what}: the decoder threw ${textOf(error)}`);
      return null;
    } finally {
      slowestMs = Math.max(slowestMs, performance.now() - begin);
    }
  };
  /** With a checksum that fits, as only somebody with the token could make it. */
  const decodeSealed = (/** @type {Uint8Array} */ bytes, /** @type {string} */ kind) => {
    const sealed = bytes.slice();
    sealed.set([0x93, 2, 0xce]);
    sealFrame(sealed);
    counts.sealed++;
    const message = decode(sealed, `sealed ${kind}`);
    if (message === null) return;
    counts.sealedDecoded++;
    if (Object.getPrototypeOf(message) !== Object.prototype)
      fuzz.failures.push(`${kind}: a message with another prototype`);
    if (orderSchema.safeParse(message).success || reportSchema.safeParse(message).success) counts.sealedValid++;
  };
  const memory = fuzz.memoryWatch();
  for (let i = 0; i < count; i++) {
    const { kind, bytes } = fuzz.damaged();
    if (decode(bytes, kind) === null) counts.refused++;
    else {
      counts.accepted++;
      fuzz.failures.push(`accepted: ${kind} ${Buffer.from(bytes).toString('hex').slice(0, 200)}`);
    }
    if (i % 4 === 0 && bytes.length >= 8) decodeSealed(bytes, kind);
    if (i === Math.floor(count / 5)) memory.begin();
    if (i % 5000 === 0) await sleep(1); // the run goes on meanwhile
    if (i > 0 && i % 200_000 === 0) fuzz.say(`${i} frames decoded, slowest ${slowestMs.toFixed(1)} ms`);
  }
  fuzz.say(
    `decoder: ${counts.refused} of ${count} refused, ${counts.accepted} accepted; ${counts.sealed} sealed ` +
      `anew: ${counts.sealedDecoded} decoded, ${counts.sealedValid} of them well-formed messages; ${memory.end()}`,
  );
  if (slowestMs > SLOWEST_MS) fuzz.failures.push(`one frame took ${slowestMs.toFixed(0)} ms to decode`);
  if ('isAdmin' in {} || 'a' in {}) fuzz.failures.push('the prototype of all objects has changed');
}
