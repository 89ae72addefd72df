// Catalogue: the kernels there are, by specification. A specification is plain data with a name that says all of it, so that a model file can ask for a kernel
// and whoever loads the file can make it.
import { invariant } from '../../core/invariant.js';
import { geluGradientKernel, geluKernel, type GeluSpec } from './gelu.js';
import { gemmKernel, type GemmSpec } from './gemm.js';
import { layerNormGradientKernel, type LayerNormGradientSpec } from './layer-norm-gradient.js';
import { layerNormKernel, type LayerNormSpec } from './layer-norm.js';
import type { Shape } from '../shape.js';
import type { Kernel } from './kernel.js';

/** The domain of our operators in model files. */
export const KERNEL_DOMAIN = 'pipetrain';

/** A kernel with fixed shapes. */
export type KernelSpec =
  | ({ readonly kind: 'gemm' } & GemmSpec)
  | ({ readonly kind: 'gelu' | 'gelu gradient' } & GeluSpec)
  | ({ readonly kind: 'layer norm' } & LayerNormSpec)
  | ({ readonly kind: 'layer norm gradient' } & LayerNormGradientSpec);

/** A kernel as an operator: what it computes, and the shapes that its outputs have where it is called. */
export interface Operator {
  readonly kernel: KernelSpec;
  readonly outputs: readonly Shape[];
}

/** The name of an operator says all of it. */
export const operatorName = (operator: Operator): string => JSON.stringify(operator);

/** The operator of a name. */
export const operatorOf = (name: string): Operator => JSON.parse(name) as Operator;

/** Generates a kernel. */
export function makeKernel(spec: KernelSpec): Kernel {
  const make = MAKERS[spec.kind] as ((spec: KernelSpec) => Kernel) | undefined;
  invariant(make !== undefined, () => `there is no kernel ${spec.kind}`);
  return make(spec);
}

const MAKERS: { readonly [kind in KernelSpec['kind']]: (spec: Extract<KernelSpec, { kind: kind }>) => Kernel } = {
  gemm: gemmKernel,
  gelu: geluKernel,
  'gelu gradient': geluGradientKernel,
  'layer norm': layerNormKernel,
  'layer norm gradient': layerNormGradientKernel,
};
