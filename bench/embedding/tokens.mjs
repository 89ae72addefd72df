// Made-up texts whose words are as common as those of a language: the word of rank r comes about 1 / r times as often
// as the first one (Zipf), so that a batch names the same few hundred rows of a table of many thousands.

/**
 * A hash of two numbers, evenly spread over [0, 1).
 * @param {number} a
 * @param {number} b
 */
function spread(a, b) {
  let h = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3ca5);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

/**
 * The id of token `i` of a sample. Ranks are spread over the ids, as in a vocabulary that is sorted by anything else.
 * @param {number} sample
 * @param {number} i
 * @param {number} vocabulary
 */
export function tokenAt(sample, i, vocabulary) {
  const rank = Math.floor(vocabulary ** spread(sample, i)) - 1;
  return (rank * 7919) % vocabulary;
}
