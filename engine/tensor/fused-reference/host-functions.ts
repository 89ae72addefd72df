// References that JavaScript computes number by number, in double precision and rounded once, for backends in the
// memory of this process whose own kernel is wrong somewhere in its range. docs/accuracy.md shows both.
import { broadcastShapes } from '../ops/shapes.js';
import type { NumberArray } from '../shape.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;
type Numbers = NumberArray | Uint8Array;

const dataOf = (x: T): Numbers => x.dataSync();

/** A function of floats. */
const ofOne =
  (f: (x: number) => number): Reference =>
  ([x]) => [tf.tensor(Float32Array.from(dataOf(x as T), f), (x as T).shape, 'float32')];

/** A function of two numbers of one type, with broadcasting; the result has that type, or int32. */
const ofTwo =
  (f: (a: number, b: number) => number, dtype: 'same' | 'int32' = 'same'): Reference =>
  ([a, b]) => {
    const shape = [...broadcastShapes((a as T).shape, (b as T).shape)];
    const [left, right] = [a, b].map((x) => dataOf(tf.broadcastTo(x as T, shape))) as [Numbers, Numbers];
    const ofFloats = dtype === 'same' && (a as T).dtype === 'float32';
    const result = ofFloats ? new Float32Array(left.length) : new Int32Array(left.length);
    for (let i = 0; i < result.length; i++) result[i] = f(numberAt(left, i), numberAt(right, i));
    return [tf.tensor(result, shape, ofFloats ? 'float32' : 'int32')];
  };

const numberAt = (numbers: Numbers, i: number): number => numbers[i] as number;

/** Sum of positive terms only, so that nothing cancels: 2 / sqrt(pi) exp(-x^2) (x + 2 x^3 / 3 + 4 x^5 / 15 + ...). */
function erf(x: number): number {
  const t = Math.abs(x);
  if (!(t < 6)) return Math.sign(x);
  let [sum, term] = [0, t];
  for (let odd = 1; sum + term !== sum; odd += 2) {
    sum += term;
    term *= (2 * t * t) / (odd + 2);
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t) * sum;
}

const SELU_SCALE = 1.0507009873554805;
const SELU_ALPHA = 1.6732632423543772;

/** The remainder with the sign of the divisor; of an integer divided by 0, 0. */
function remainder(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

const floorQuotient = (a: number, b: number): number =>
  // Of a finite number and an infinite one, the quotient is 0 or just below it.
  Number.isFinite(a) && !Number.isFinite(b) && a !== 0 && a < 0 !== b < 0 ? -1 : Math.floor(a / b);

/** As IEEE 754 has it: JavaScript says NaN where the base is 1 or -1 and the exponent no finite number. */
const power = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);

export const hostErf = ofOne(erf);
export const hostSoftplus = ofOne((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
export const hostElu = ofOne((x) => (x > 0 ? x : Math.expm1(x)));
export const hostSelu = ofOne((x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x)));
export const hostLog1p = ofOne(Math.log1p);
export const hostSin = ofOne(Math.sin);
export const hostCos = ofOne(Math.cos);
export const hostMod = ofTwo(remainder);
export const hostFloorDiv = ofTwo(floorQuotient, 'int32');
export const hostPow = ofTwo(power);
