// IndexChecks: which input of a call holds indices, and what they count. They are looked at on the host before a kernel
// is handed them: on a GPU an index outside of its axis ends the process.
import { numberAttr, numbersAttr } from '../ops/attributes.js';
import { axisOfGather } from '../ops/gather.js';
import { at } from '../ops/shapes.js';
import type { Shape } from '../shape.js';
import type { Call } from './kernel.js';

/** Indices that a call reads. */
export interface IndexCheck {
  /** The input of the call. */
  readonly input: number;
  /** Sizes of the axes that the last axis of the indices counts; one size stands for all. */
  readonly sizes: Shape;
}

/** A list of numbers is a list of paths of one. */
const paths = ({ shape }: { readonly shape: Shape }, into: Shape): Shape =>
  into.slice(0, shape.length > 1 ? at(shape, -1) : 1);

const lastSize = ({ shape }: { readonly shape: Shape }): Shape => [at(shape, -1)];

const CHECKS: Readonly<Record<string, (call: Call) => IndexCheck>> = {
  GatherV2: (call) => ({ input: 1, sizes: [at(call.input(0).shape, axisOfGather(call.input(0), call.attrs))] }),
  GatherNd: (call) => ({ input: 1, sizes: call.input(0).shape.slice(0, at(call.input(1).shape, -1)) }),
  ScatterNd: (call) => ({ input: 0, sizes: paths(call.input(0), numbersAttr(call.attrs, 'shape')) }),
  TensorScatterUpdate: (call) => ({ input: 1, sizes: paths(call.input(1), call.input(0).shape) }),
  PtEmbedding: (call) => ({ input: 0, sizes: [at(call.input(1).shape, 0)] }),
  PtEmbeddingGrad: (call) => ({ input: 1, sizes: [numberAttr(call.attrs, 'rows')] }),
  PtCrossEntropy: (call) => ({ input: 1, sizes: lastSize(call.input(0)) }),
  PtCrossEntropyGrad: (call) => ({ input: 2, sizes: lastSize(call.input(1)) }),
};

/** What has to be looked at before a call is computed; null where it reads by no index. */
export const indexCheckOf = (call: Call): IndexCheck | null => CHECKS[call.op]?.(call) ?? null;

/** Throws a RangeError that names the first index outside of its axis. */
export function requireInside(indices: Int32Array, sizes: Shape): void {
  const depth = sizes.length;
  for (let i = 0; i < indices.length; i++) {
    const [index, size] = [indices[i] as number, sizes[i % depth] as number];
    if (index < 0 || index >= size) throw new RangeError(`index ${index} lies outside of 0..${size - 1}`);
  }
}
