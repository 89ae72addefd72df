// What elementwise ops are in 64 bits, with care where something cancels, so that each is right to far more than 32.

/** From here on the continued fraction of `erfc` is right to the last digits. */
const LARGE = 2;

/**
 * The series 2 / sqrt(pi) (x - x^3 / 3 + x^5 / 10 - ...): its terms cancel two of 16 digits at most below `LARGE`. Not
 * the series of positive terms that stands in for the runtime's own, which would be compared with itself.
 * @param {number} x
 * @returns {number}
 */
export function erf(x) {
  const t = Math.abs(x);
  if (!(t < LARGE)) return Math.sign(x) * (1 - erfc(t));
  let [sum, power] = [0, t];
  for (let n = 0; sum + power / (2 * n + 1) !== sum; n++) {
    sum += power / (2 * n + 1);
    power *= (-t * t) / (n + 1);
  }
  return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
}

/** 1 - erf(x), with all its digits: a continued fraction. @param {number} x @returns {number} */
export function erfc(x) {
  if (x < LARGE) return x <= -LARGE ? 2 - erfc(-x) : 1 - erf(x);
  let fraction = 0;
  for (let k = 150; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

/** @param {number} x */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));
/** @param {number} x */
export const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
/** @param {number} x */
export const elu = (x) => (x > 0 ? x : Math.expm1(x));
export const SELU_SCALE = 1.0507009873554805;
export const SELU_ALPHA = 1.6732632423543772;
/** @param {number} x */
export const selu = (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x));
/** x times the normal distribution function. @param {number} x */
export const gelu = (x) => (x === -Infinity ? NaN : (x * erfc(-x / Math.SQRT2)) / 2);

/** Ties to even. @param {number} x */
export function round(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/** The sign of the divisor. @param {number} a @param {number} b */
export function mod(a, b) {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** As IEEE 754 has it. @param {number} a @param {number} b */
export const pow = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);

/** @param {number} x */
export const coshSquared = (x) => Math.cosh(x) ** 2;
