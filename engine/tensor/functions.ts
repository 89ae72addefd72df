// Functions of TensorFlow.js that are wrong somewhere in their range, written anew under the same names. tf.ts hands
// these out in their place, also as methods of tensors.
import type { Tensor, TensorLike } from '#tfjs';
import * as tfjs from '#tfjs';
import { conv2d } from './convolution.js';

type Input = Tensor | TensorLike;
type Axis = number | number[] | null;
type DropFirst<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never;

/** Numbers as a tensor, or the tensor itself. */
const tensorOf = (x: Input): Tensor => (x instanceof tfjs.Tensor ? x : tfjs.tensor(x));

const axesOf = (axis: Axis, { shape }: Tensor): number[] =>
  tfjs.util.parseAxisParam(axis ?? shape.map((_, i) => i), shape);

/** The square root, with slope 0 where there is none: its argument is a sum of squares that are all 0. */
function rootOfSquares(sum: Tensor): Tensor {
  const isZero = tfjs.equal(sum, 0);
  const root = tfjs.sqrt(tfjs.where(isZero, tfjs.onesLike(sum), sum));
  return tfjs.where(isZero, tfjs.zerosLike(sum), root);
}

/** Norms of matrices: of the sums over one axis the largest or the smallest along the other. */
function matrixNorm(x: Tensor, ord: number | string, [rows, columns]: number[], keepDims: boolean): Tensor | null {
  const over = (summed: number | undefined, taken: number | undefined, take: typeof tfjs.max): Tensor => {
    const extreme = take(tfjs.sum(tfjs.abs(x), summed, true), taken, true);
    return keepDims ? extreme : tfjs.squeeze(extreme, [rows as number, columns as number]);
  };
  if (ord === 1) return over(rows, columns, tfjs.max);
  if (ord === Infinity) return over(columns, rows, tfjs.max);
  return ord === -Infinity ? over(columns, rows, tfjs.min) : null;
}

/** Norms of vectors other than the root of the squares. */
function vectorNorm(x: Tensor, ord: number | string, axes: number[], keepDims: boolean): Tensor | null {
  if (ord === 1) return tfjs.sum(tfjs.abs(x), axes, keepDims);
  if (ord === Infinity) return tfjs.max(tfjs.abs(x), axes, keepDims);
  return ord === -Infinity ? tfjs.min(tfjs.abs(x), axes, keepDims) : null;
}

/**
 * As `tf.norm`: `ord` is 'euclidean', 2, 'fro' (of matrices), 1, Infinity or -Infinity. Its gradient is 0 where the
 * norm is, and two axes may come in any order.
 */
export function norm(
  x: Input,
  ord: number | 'euclidean' | 'fro' = 'euclidean',
  axis: Axis = null,
  keepDims = false,
): Tensor {
  const t = tensorOf(x);
  if (t.rank === 0) return tfjs.abs(t);
  const axes = axesOf(axis, t);
  const isMatrix = axis !== null && axes.length === 2;
  if (ord === 'euclidean' || ord === (isMatrix ? 'fro' : 2))
    return rootOfSquares(tfjs.sum(tfjs.square(t), axes, keepDims));
  // Where there is no such norm, it is left to TensorFlow.js to say so.
  return (isMatrix ? matrixNorm : vectorNorm)(t, ord, axes, keepDims) ?? tfjs.norm(t, ord, axis ?? undefined, keepDims);
}

/** As `tf.euclideanNorm`; its gradient is 0 where the norm is. */
export const euclideanNorm = (x: Input, axis: Axis = null, keepDims = false): Tensor =>
  norm(x, 'euclidean', axis, keepDims);

/** As `tf.cumsum`; the axis may be negative. */
export const cumsum = (x: Input, axis = 0, exclusive = false, reverse = false): Tensor =>
  tfjs.cumsum(tensorOf(x), axesOf(axis, tensorOf(x))[0], exclusive, reverse);

/** As `tf.cumprod`; the axis may be negative. */
export const cumprod = (x: Input, axis = 0, exclusive = false, reverse = false): Tensor =>
  tfjs.cumprod(tensorOf(x), axesOf(axis, tensorOf(x))[0], exclusive, reverse);

/** As `tf.divNoNan`: 0 where the divisor is, and so are its gradients. */
export function divNoNan(a: Input, b: Input): Tensor {
  const divisor = tensorOf(b);
  const isZero = tfjs.equal(divisor, tfjs.zerosLike(divisor));
  const quotient = tfjs.div(tensorOf(a), tfjs.where(isZero, tfjs.onesLike(divisor), divisor));
  return tfjs.where(isZero, tfjs.zerosLike(quotient), quotient);
}

/** As `tf.logSumExp`; infinite where the largest number is. */
export function logSumExp(x: Input, axis: Axis = null, keepDims = false): Tensor {
  const axes = axesOf(axis, tensorOf(x));
  const withAxes = tfjs.customGrad((...given) => {
    const [t, save] = given as unknown as [Tensor, (tensors: Tensor[]) => void];
    const most = tfjs.max(t, axes, true);
    const shift = tfjs.where(tfjs.isFinite(most), most, tfjs.zerosLike(most));
    const value = tfjs.add(tfjs.log(tfjs.sum(tfjs.exp(tfjs.sub(t, shift)), axes, true)), shift);
    save([t, value]);
    return {
      value,
      gradFunc: (dy: Tensor, [from, to]: Tensor[]) => tfjs.mul(dy, tfjs.exp(tfjs.sub(from as Tensor, to as Tensor))),
    };
  })(tfjs.cast(tensorOf(x), 'float32'));
  return keepDims ? withAxes : tfjs.squeeze(withAxes, axes);
}

/** The functions as methods of tensors. Safe to call again. */
export function replaceMethods(): void {
  const methods = {
    conv2d(this: Tensor, ...rest: DropFirst<Parameters<typeof conv2d>>) {
      return conv2d(this, ...rest);
    },
    norm(this: Tensor, ord?: number | 'euclidean' | 'fro', axis?: Axis, keepDims?: boolean) {
      return norm(this, ord, axis, keepDims);
    },
    euclideanNorm(this: Tensor, axis?: Axis, keepDims?: boolean) {
      return euclideanNorm(this, axis, keepDims);
    },
    cumsum(this: Tensor, axis?: number, exclusive?: boolean, reverse?: boolean) {
      return cumsum(this, axis, exclusive, reverse);
    },
    cumprod(this: Tensor, axis?: number, exclusive?: boolean, reverse?: boolean) {
      return cumprod(this, axis, exclusive, reverse);
    },
    divNoNan(this: Tensor, b: Input) {
      return divNoNan(this, b);
    },
    logSumExp(this: Tensor, axis?: Axis, keepDims?: boolean) {
      return logSumExp(this, axis, keepDims);
    },
  };
  Object.assign(tfjs.Tensor.prototype, methods);
}
