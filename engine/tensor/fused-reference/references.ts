// Which reference stands in for which op, and checks of indices for kernels that backends run without one.
import type { Attrs } from '../graph.js';
import { normalAxis, numberAttr, numbersAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';
import type { Tensor } from '../tf.js';
import { attention, attentionGradient } from './attention.js';
import { hostElu, hostErf, hostFloorDiv, hostMod, hostPow, hostSelu, hostSoftplus } from './host-functions.js';
import { crossEntropy, crossEntropyGradient, embedding, embeddingGradient } from './lookup.js';
import { addV2, broadcastTo, logicalXor, logSoftmaxOp, unsortedSegmentSum } from './missing.js';
import { dropout, gelu, geluGradient, layerNorm, layerNormGradient, linear, rowSum } from './pointwise.js';
import { einsum, fusedMatMul } from './products.js';
import { type Reference, requireInside } from './reference.js';
import { hostRound, round, widen } from './rounding.js';
import { tensorflowReferences } from './tensorflow.js';
import { wasmReferences } from './wasm.js';
import { webgpuReferences } from './webgpu.js';

/** For ops that a backend has no kernel for. */
export const references: ReadonlyMap<string, Reference> = new Map<string, Reference>([
  ['PtLinear', linear],
  ['PtRowSum', rowSum],
  ['PtGelu', gelu],
  ['PtGeluGrad', geluGradient],
  ['PtLayerNorm', layerNorm],
  ['PtLayerNormGrad', layerNormGradient],
  ['PtAttention', attention],
  ['PtAttentionGrad', attentionGradient],
  ['PtEmbedding', embedding],
  ['PtEmbeddingGrad', embeddingGradient],
  ['PtCrossEntropy', crossEntropy],
  ['PtCrossEntropyGrad', crossEntropyGradient],
  ['PtDropout', dropout],
  ['PtRound', round],
  ['PtWiden', widen],
  ['LogSoftmax', logSoftmaxOp],
  ['AddV2', addV2],
  ['LogicalXor', logicalXor],
  ['BroadcastTo', broadcastTo],
  ['UnsortedSegmentSum', unsortedSegmentSum],
  ['Einsum', einsum],
]);

/** Its kernels approximate, or subtract 1 from what is close to it. */
const cpuReferences: ReadonlyMap<string, Reference> = new Map([
  ['PtRound', hostRound],
  ['Erf', hostErf],
  ['Softplus', hostSoftplus],
  ['Elu', hostElu],
  ['Selu', hostSelu],
  ['Mod', hostMod],
  ['FloorDiv', hostFloorDiv],
  ['Pow', hostPow],
]);

const replacements: Readonly<Record<string, ReadonlyMap<string, Reference>>> = {
  cpu: cpuReferences,
  wasm: wasmReferences,
  webgpu: webgpuReferences,
  // Its kernel takes the blanks of an equation for axes.
  tensorflow: new Map([...tensorflowReferences, ['Einsum', einsum]]),
};

/** The composition to use on a backend even where it has a kernel of that name. */
export const replacement = (op: string, backend: string): Reference | undefined =>
  // Its kernels do not agree on what they take; the composition costs the same.
  op === '_FusedMatMul' ? fusedMatMul : replacements[backend]?.get(op);

/** A list of numbers is a list of paths of one. */
const requirePaths = (what: string, paths: Tensor, shape: readonly number[]): void =>
  requireInside(what, paths, shape.slice(0, paths.rank > 1 ? at(paths.shape, -1) : 1));

/** Throws a RangeError where a kernel of that name would read outside of its table. */
export const checks: ReadonlyMap<string, (inputs: readonly Tensor[], attrs: Attrs) => void> = new Map([
  [
    'GatherV2',
    ([x, indices], attrs) => {
      const { shape, rank } = x as Tensor;
      requireInside('GatherV2', indices as Tensor, [at(shape, normalAxis(numberAttr(attrs, 'axis'), rank))]);
    },
  ],
  [
    'GatherNd',
    ([x, indices]) =>
      requireInside('GatherNd', indices as Tensor, (x as Tensor).shape.slice(0, at((indices as Tensor).shape, -1))),
  ],
  ['ScatterNd', ([indices], attrs) => requirePaths('ScatterNd', indices as Tensor, numbersAttr(attrs, 'shape'))],
  [
    'TensorScatterUpdate',
    ([tensor, indices]) => requirePaths('TensorScatterUpdate', indices as Tensor, (tensor as Tensor).shape),
  ],
]);
