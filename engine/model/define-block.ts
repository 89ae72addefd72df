// defineBlock: declares a block whose forward sees its parameters by their own names and types, and ways to declare
// parameters. Sugar over Block.
import type { Tensor } from '@tensorflow/tfjs-core';
import { present } from '../core/invariant.js';
import type { Shape } from '../tensor/shape.js';
import type { Block, BlockContext, BlockKind, ParamSpec } from './block.js';

interface BlockParts<Name extends string> {
  readonly name: string;
  readonly kind: BlockKind;
  readonly layer?: number | null;
  /** See Block. */
  readonly precision?: 'fp32';
  /** See Block. */
  readonly closing?: readonly NoInfer<Name>[];
  readonly params: Readonly<Record<Name, ParamSpec>>;
}

/** A block that reads its input from the data set: the first one of a model. */
export function defineInputBlock<Name extends string>(
  parts: BlockParts<Name> & {
    readonly forward: (params: Readonly<Record<Name, Tensor>>, context: BlockContext) => Tensor;
  },
): Block {
  const { forward, layer = null, ...rest } = parts;
  return { ...rest, layer, forward: (_, params, context) => forward(params, context) };
}

/** A block that works on the output of the one before it. */
export function defineBlock<Name extends string>(
  parts: BlockParts<Name> & {
    readonly forward: (x: Tensor, params: Readonly<Record<Name, Tensor>>, context: BlockContext) => Tensor;
  },
): Block {
  const { forward, layer = null, name, ...rest } = parts;
  return {
    ...rest,
    name,
    layer,
    forward: (x, params, context) => forward(present(x, `the input of block ${name}`), params, context),
  };
}

/**
 * A matrix [inputs, outputs] with normal entries; weight decay applies. The default scale keeps the variance of what
 * passes through; small models learn several times faster from it than from the fixed 0.02 of large ones, which it
 * approaches with the width.
 */
export const matrix = (shape: readonly [number, number], std = 1 / Math.sqrt(shape[0])): ParamSpec => ({
  shape,
  init: { kind: 'normal', std },
  decay: true,
});
/** A table with normal entries, one row for each position. */
export const positions = (shape: Shape, std: number): ParamSpec => ({
  shape,
  init: { kind: 'normal', std },
  decay: false,
});
/**
 * The parameter `param` of an earlier block, used here as well: one parameter, whose gradient is the sum of those of
 * all blocks that use it, and which is updated once. It has the shape that it has there.
 */
export function shared<Name extends string>(
  { name, params }: Pick<Block, 'name'> & { readonly params: Readonly<Record<Name, ParamSpec>> },
  param: NoInfer<Name>,
): ParamSpec {
  const spec = present(params[param] as ParamSpec | undefined, `parameter ${param} of block ${name}`);
  return { ...spec, sharedWith: spec.sharedWith ?? { block: name, param } };
}
/** A bias: zeros, without weight decay. */
export const bias = (size: number): ParamSpec => ({ shape: [size], init: { kind: 'zeros' }, decay: false });
/** A gain: ones, without weight decay. */
export const gain = (size: number): ParamSpec => ({ shape: [size], init: { kind: 'ones' }, decay: false });
