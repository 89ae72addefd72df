// Catalogue: the kernels there are, by specification. A specification is plain data with a name that says all of it, so
// that a model file can ask for a kernel and whoever loads the file can make it.
import { invariant } from '../../core/invariant.js';
import type { Shape } from '../shape.js';
import { attentionGradientKernel, attentionKernel } from './attention.js';
import { type HalfWay, halfWay } from './cpu-features.js';
import { embeddingGradientKernel, type EmbeddingGradientSpec } from './embedding-gradient.js';
import { geluGradientKernel, geluKernel, type GeluSpec } from './gelu.js';
import { gemmKernel, type GemmSpec } from './gemm.js';
import { halfAttentionGradientKernel, halfAttentionKernel, type HalfAttentionSpec } from './half-attention.js';
import { halfGemmKernel, type HalfGemmSpec } from './half-gemm.js';
import type { AttentionSpec } from './head-loop.js';
import type { Kernel } from './kernel.js';
import { layerNormKernel, type LayerNormSpec } from './layer-norm.js';
import { layerNormGradientKernel, type LayerNormGradientSpec } from './layer-norm-gradient.js';

/** The domain of our operators in model files. */
export const KERNEL_DOMAIN = 'pipetrain';

/** A kernel with fixed shapes. */
export type KernelSpec =
  | ({ readonly kind: 'gemm' } & GemmSpec)
  | ({ readonly kind: 'half gemm' } & HalfGemmSpec)
  | ({ readonly kind: 'embedding gradient' } & EmbeddingGradientSpec)
  | ({ readonly kind: 'layer norm' } & LayerNormSpec)
  | ({ readonly kind: 'layer norm gradient' } & LayerNormGradientSpec)
  | ({ readonly kind: 'gelu' } & GeluSpec)
  | ({ readonly kind: 'gelu gradient' } & GeluSpec)
  | ({ readonly kind: 'attention' } & AttentionSpec)
  | ({ readonly kind: 'attention gradient' } & AttentionSpec)
  | ({ readonly kind: 'half attention' } & HalfAttentionSpec)
  | ({ readonly kind: 'half attention gradient' } & HalfAttentionSpec);

/** A kernel as an operator: what it computes, and the shapes that its outputs have where it is called. */
export interface Operator {
  readonly kernel: KernelSpec;
  /** Threads that the work may be cut for. */
  readonly threads: number;
  readonly outputs: readonly Shape[];
}

/** The name of an operator says all of it. */
export const operatorName = (operator: Operator): string => JSON.stringify(operator);

/** The operator of a name. */
export const operatorOf = (name: string): Operator => JSON.parse(name) as Operator;

/**
 * Generates a kernel, cut into at most `threads` parts. `way` says how bfloat16 is multiplied, and is asked for only
 * where that is; by default it is the fastest one here.
 */
export function makeKernel(spec: KernelSpec, threads = 1, way = (): HalfWay => halfWay().way): Kernel {
  const make = MAKERS[spec.kind] as Maker<KernelSpec> | undefined;
  invariant(make !== undefined, () => `there is no kernel ${spec.kind}`);
  return make(spec, threads, way);
}

type Maker<Spec> = (spec: Spec, threads: number, way: () => HalfWay) => Kernel;

const MAKERS: {
  readonly [kind in KernelSpec['kind']]: Maker<Extract<KernelSpec, { kind: kind }>>;
} = {
  gemm: gemmKernel,
  'half gemm': (spec, threads, way) => halfGemmKernel(spec, threads, way()),
  gelu: geluKernel,
  'gelu gradient': geluGradientKernel,
  'embedding gradient': embeddingGradientKernel,
  'layer norm': layerNormKernel,
  'layer norm gradient': layerNormGradientKernel,
  attention: attentionKernel,
  'attention gradient': attentionGradientKernel,
  'half attention': (spec, threads, way) => halfAttentionKernel(spec, threads, way()),
  'half attention gradient': (spec, threads, way) => halfAttentionGradientKernel(spec, threads, way()),
};
