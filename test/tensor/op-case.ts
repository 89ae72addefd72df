// The case of an op: inputs, a function that uses the op, and what to differentiate by; and makers of many at once.
import * as tf from '../../engine/tensor/tf.js';
import { floats, type Input } from './parity.js';

// One rounding is 6e-8; sums of up to 64 terms in another order and the runtime's polynomials for exp, tanh, log add a
// few of them.
export const ROUNDING = 2e-6;

export interface OpCase {
  readonly op: string;
  readonly inputs: readonly Input[];
  readonly body: (...x: tf.Tensor[]) => tf.Tensor;
  /** Inputs to differentiate by; none for ops without a gradient. */
  readonly wrt?: readonly number[];
  /** More than ROUNDING, with the reason beside it. */
  readonly tolerance?: number;
}

// not near a kink or a pole, where both sides are right and differ
export const away = (x: number): number => x + Math.sign(x) * 0.1;
export const positive = (x: number): number => Math.abs(x) + 0.3;
export const inside = (x: number): number => Math.tanh(x) * 0.8;
export const beyondOne = (x: number): number => Math.abs(x) + 1.2;
export const asInt = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'int32');

type Unary = (x: tf.Tensor) => tf.Tensor;
export const unary = (op: string, body: Unary, map?: (x: number) => number, extra: Partial<OpCase> = {}): OpCase[] =>
  [[], [7], [2, 3, 5]].map((shape) => ({
    op,
    inputs: [floats(op, shape, map)],
    body: (x) => body(x as tf.Tensor),
    wrt: [0],
    ...extra,
  }));

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
const equalShapes = [
  [[5], [5]],
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
] as const;
const broadcasting = [
  [[2, 3, 4], [4]],
  [
    [3, 1],
    [2, 3, 4],
  ],
  [[4], []],
  [
    [2, 1, 4],
    [1, 3, 1],
  ],
] as const;
export const binary = (
  op: string,
  body: Binary,
  {
    map,
    shapes = [...equalShapes, ...broadcasting],
    wrt = [0, 1],
  }: {
    map?: (x: number) => number;
    shapes?: readonly (readonly [readonly number[], readonly number[]])[];
    wrt?: readonly number[];
  } = {},
): OpCase[] =>
  shapes.map(([a, b]) => ({
    op,
    inputs: [floats(`${op}a`, a, map), floats(`${op}b`, b, map)],
    body: (x, y) => body(x as tf.Tensor, y as tf.Tensor),
    wrt,
  }));

export const reduction = (
  op: string,
  body: (x: tf.Tensor, axis: number | number[] | undefined, keep: boolean) => tf.Tensor,
  wrt: readonly number[] = [0],
): OpCase[] =>
  (
    [
      [undefined, false],
      [0, false],
      [-1, true],
      [[0, 2], false],
      [[1, 2], true],
    ] as const
  ).map(([axis, keep]) => ({
    op,
    inputs: [floats(op, [3, 4, 5])],
    body: (x) => body(x as tf.Tensor, axis === undefined || typeof axis === 'number' ? axis : [...axis], keep),
    wrt,
  }));

export const one = (
  op: string,
  inputs: readonly Input[],
  body: (...x: never[]) => tf.Tensor,
  wrt: readonly number[] = [],
  tolerance?: number,
): OpCase => ({
  op,
  inputs,
  body: body as unknown as OpCase['body'],
  wrt,
  ...(tolerance === undefined ? {} : { tolerance }),
});
export type T = tf.Tensor;
export const asList = ({ values, indices }: { values: T; indices: T }): T[] => [values, indices];
