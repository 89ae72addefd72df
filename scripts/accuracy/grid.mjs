// Where elementwise ops are measured: every exponent of a normal 32-bit float with both signs, the numbers that models
// are made of more densely, and the special ones. Made from bits, since a process that computes with ONNX Runtime takes
// the smallest numbers for zeros.

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** @param {number} x */
function bitsOf(x) {
  float[0] = x;
  return /** @type {number} */ (bits[0]);
}

/** The same numbers every time. @param {number} seed */
function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * `each` numbers of every exponent and sign, and `near` between -120 and 120.
 * @param {number} each
 * @param {number} near
 */
export function grid(each, near) {
  const random = generator(7);
  const list = [];
  for (const sign of [0, 2 ** 31])
    for (let exponent = 1; exponent < 255; exponent++)
      for (let i = 0; i < each; i++) {
        const mantissa = i === 0 ? 0 : i === 1 ? 0x7fffff : Math.floor(random() * 0x800000);
        list.push(sign + exponent * 2 ** 23 + mantissa);
      }
  for (let i = 0; i < near; i++) list.push(bitsOf((random() * 2 - 1) * 120 ** random()));
  return new Float32Array(Uint32Array.from(list).buffer);
}

/** Zeros, infinities, what is no number, ones, and halves. */
export const SPECIAL = [0, -0, Infinity, -Infinity, NaN, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3, -3, 100, -100];

/**
 * All pairs of special numbers, and as many pairs of others as there are numbers in the grid.
 * @param {Float32Array} numbers
 * @returns {readonly [Float32Array, Float32Array]}
 */
export function pairs(numbers) {
  const random = generator(11);
  const any = () => numbers[Math.floor(random() * numbers.length)] ?? 0;
  const near = () => Math.fround((random() * 2 - 1) * 50);
  const a = [...numbers].flatMap((x) => [x, near(), Math.abs(near())]);
  return [Float32Array.from(a), Float32Array.from(a, (_, i) => (i % 3 === 0 ? any() : near()))];
}

/** @type {readonly [Float32Array, Float32Array]} */
export const SPECIAL_PAIRS = [
  Float32Array.from(SPECIAL.flatMap((x) => SPECIAL.map(() => x))),
  Float32Array.from(SPECIAL.flatMap(() => SPECIAL)),
];
