// Checksum of a record: tells a whole record from a torn or damaged one. Not a defence against people who mean harm.

const PRIME = 0x01000193;

/**
 * 32 bits over `words`, never 0. Four independent lanes, so that the multiplications overlap; each lane maps words one
 * to one, so that one changed word always changes the result.
 */
export function checksum(words: Int32Array): number {
  let a = 0x243f6a88;
  let b = 0x13198a2e;
  let c = 0x03707344;
  let d = 0x299f31d0;
  const length = words.length;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    a = Math.imul(a ^ (words[i] as number), PRIME);
    b = Math.imul(b ^ (words[i + 1] as number), PRIME);
    c = Math.imul(c ^ (words[i + 2] as number), PRIME);
    d = Math.imul(d ^ (words[i + 3] as number), PRIME);
  }
  for (; i < length; i++) a = Math.imul(a ^ (words[i] as number), PRIME);
  let h = a;
  h = finish(h) ^ b;
  h = finish(h) ^ c;
  h = finish(h) ^ d;
  return finish(h ^ length) || 1;
}

/** A bijection of 32 bits in which every input bit reaches every output bit. */
function finish(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}
