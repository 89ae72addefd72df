// References of products with something behind them: the matrix product of layers, and sums over named axes.
import { invariant } from '../../core/invariant.js';
import { flagAttr, numberAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;

const activations: Readonly<Record<string, (x: T, alpha: number) => T>> = {
  linear: (x) => x,
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.relu6(x),
  elu: (x) => tf.elu(x),
  sigmoid: (x) => tf.sigmoid(x),
  leakyrelu: (x, alpha) => tf.leakyRelu(x, alpha),
};

/** Activation of (a b + bias); with the activation prelu the last input has its slopes. */
export const fusedMatMul: Reference = ([a, b, ...rest], attrs) => {
  const activation = String(attrs['activation']);
  const slopes = activation === 'prelu' ? rest.pop() : undefined;
  const product: T = tf.matMul(a as T, b as T, flagAttr(attrs, 'transposeA'), flagAttr(attrs, 'transposeB'));
  const sum = rest.reduce((x: T, bias) => tf.add(x, bias), product);
  if (slopes !== undefined) return [tf.prelu(sum, slopes)];
  const activate = activations[activation];
  invariant(activate !== undefined, () => `activation ${activation} behind a matrix product is not supported`);
  return [activate(sum, activation === 'leakyrelu' ? numberAttr(attrs, 'leakyreluAlpha') : 0)];
};

/**
 * Every operand is laid along all axes of the equation, the products are summed over those that the result does not
 * have.
 */
export const einsum: Reference = (inputs, attrs) => {
  const { allDims, summedDims, idDims } = tf.backend_util.decodeEinsumEquation(
    String(attrs['equation']),
    inputs.length,
  );
  const laidOut = inputs.map((x, i): T => {
    const dims = at(idDims, i);
    const order = dims.map((_, axis) => axis).sort((p, q) => at(dims, p) - at(dims, q));
    const shape = allDims.map((_, dim) => (dims.includes(dim) ? at(x.shape, dims.indexOf(dim)) : 1));
    return tf.reshape(tf.transpose(x, order), shape);
  });
  const product = laidOut.slice(1).reduce((p: T, x) => tf.mul(p, x), at(laidOut, 0));
  return [summedDims.length === 0 ? tf.clone(product) : tf.sum(product, [...summedDims])];
};
