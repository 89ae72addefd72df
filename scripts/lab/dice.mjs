// Draws of a seeded script: the engine's own random numbers, one after another.
import { bitsAt, randomKey } from '#dist/engine/core/random.js';

/** @typedef {(n: number) => number} Below A whole number from 0 to below n. */

/**
 * @param {number} seed
 * @param {string} purpose
 * @returns {Below}
 */
export function dice(seed, purpose) {
  const key = randomKey(seed, purpose);
  let draws = 0;
  return (n) => bitsAt(key, draws++) % n;
}
