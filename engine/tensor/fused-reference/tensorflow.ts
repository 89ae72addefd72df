// References for ops whose kernel in the tensorflow backend refuses inputs that the op allows.
import * as tf from '../tf.js';
import type { Reference } from './reference.js';

type T = tf.Tensor;

/** The kernels know no order of booleans. */
const compared =
  (compare: (a: T, b: T) => T): Reference =>
  (inputs) => {
    const [a, b] = inputs.map((x) => (x.dtype === 'bool' ? tf.cast(x, 'int32') : x));
    return [compare(a as T, b as T)];
  };

/** The kernel takes a list of numbers for one path where the op means a list of paths of one. */
const scatterNd: Reference = ([indices, updates], attrs) => {
  const paths = indices as T;
  return [tf.scatterND(paths.rank === 1 ? tf.expandDims(paths, 1) : paths, updates as T, attrs['shape'] as number[])];
};

export const tensorflowReferences: ReadonlyMap<string, Reference> = new Map([
  ['Greater', compared(tf.greater)],
  ['GreaterEqual', compared(tf.greaterEqual)],
  ['Less', compared(tf.less)],
  ['LessEqual', compared(tf.lessEqual)],
  ['ScatterNd', scatterNd],
]);
