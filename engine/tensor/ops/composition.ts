// Composition: an elementwise function of one tensor as a chain of nodes that are rounded as IEEE 754 has it or come
// from vector kernels that know no remainder, so that an element has the same bits wherever it stands. Large tensors
// are done tile by tile, which changes none.
import { present } from '../../core/invariant.js';
import { sizeOf } from '../shape.js';
import type { EmitContext, NodeWriter } from './definition.js';
import { finishReshape, reshape, scalar } from './emit.js';
import { tileCount } from './tile.js';

/** The last node of a chain: its operator and what it reads. */
export type LastNode = readonly [operator: string, ...inputs: string[]];

/** Writes a chain for one tensor of 32-bit floats. */
export type Chain = (e: NodeWriter, x: string) => LastNode;

/** Output 0 of the call as a chain over `x`, which has the output's shape. */
export function finishChain(e: EmitContext, x: string, chain: Chain): void {
  const size = sizeOf(e.output(0).shape);
  const count = tileCount(size, 1);
  if (count === 1) {
    const [operator, ...inputs] = chain(e, x);
    return e.finish(operator, inputs);
  }
  const shape = [count, size / count];
  const stacked = [{ name: reshape(e, x, shape), shape, dtype: 'float32' as const }];
  const [stack] = e.tiled(stacked, (body, [tile]) => {
    const name = nodeOf(body, chain(body, present(tile, 'a tile')));
    return [{ name, shape: shape.slice(1), dtype: 'float32' }];
  });
  finishReshape(e, present(stack, 'the tiles'));
}

/** The value of a chain in the middle of another one. */
export const nodeOf = (e: NodeWriter, [operator, ...inputs]: LastNode): string => e.node(operator, inputs);

/** A constant in a chain. */
export const float = (e: NodeWriter, value: number): string => scalar(e, 'float32', value);

/** The polynomial with these coefficients, that of the constant first, by Horner's rule. */
export function polynomial(e: NodeWriter, x: string, coefficients: readonly number[]): string {
  const [highest, ...lower] = coefficients.toReversed();
  return lower.reduce(
    (sum, coefficient) => e.node('Add', [e.node('Mul', [sum, x]), float(e, coefficient)]),
    float(e, present(highest, 'a coefficient')),
  );
}
