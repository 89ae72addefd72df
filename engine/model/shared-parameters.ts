// SharedParameters: the parameters of a model that several of its blocks use, as a table of tokens that is the output
// matrix too. Every block that uses one has a place for it in its slab, and all places hold the same numbers: they
// start alike, and the same update is made of the sum of the gradients of all blocks. It holds no tensor and knows no
// plan.
import { invariant, present } from '../core/invariant.js';
import type { Block, Model } from './block.js';

/** A use of a shared parameter: what its block calls it. */
export interface SharedPlace {
  readonly block: number;
  readonly name: string;
}

/** The uses of one parameter by ascending blocks. The first one is its own place, that of the checkpoint. */
export type SharedParameter = readonly SharedPlace[];

/** The shared parameters of a model, in the order of their first uses. */
export function sharedParameters(blocks: readonly Block[]): SharedParameter[] {
  const places = new Map<string, SharedPlace[]>();
  for (const [block, { params }] of blocks.entries())
    for (const [name, { sharedWith }] of Object.entries(params)) {
      if (sharedWith === undefined) continue;
      const owner = blocks.findIndex((one) => one.name === sharedWith.block);
      invariant(owner >= 0, () => `block ${sharedWith.block} of a shared parameter`);
      const key = `${owner} ${sharedWith.param}`;
      const known = places.get(key) ?? [{ block: owner, name: sharedWith.param }];
      places.set(key, [...known, { block, name }]);
    }
  return [...places.values()].sort(([a], [b]) => present(a, 'place').block - present(b, 'place').block);
}

/** Per shared parameter, the blocks that use it, ascending. */
export const sharingBlocks = (blocks: readonly Block[]): number[][] =>
  sharedParameters(blocks).map((places) => [...new Set(places.map(({ block }) => block))]);

/** Whether a block uses a parameter that another one uses too. */
export const sharesParameters = ({ blocks }: Pick<Model, 'blocks'>, index: number): boolean =>
  sharedParameters(blocks).some((places) => places.some(({ block }) => block === index));

/** Why a parameter cannot be the one that it is said to be, or null. `before` are the blocks before its own. */
export function sharingProblem(block: Block, param: string, before: readonly Block[]): string | null {
  const spec = present(block.params[param], `parameter ${param} of ${block.name}`);
  if (spec.sharedWith === undefined) return null;
  const { block: name, param: own } = spec.sharedWith;
  const owner = before.find((one) => one.name === name);
  const there = owner?.params[own];
  if (owner === undefined) return `it is that of block "${name}", which is no block before it`;
  if (there === undefined) return `block "${name}" has no parameter "${own}"`;
  if (there.sharedWith !== undefined)
    return `parameter "${own}" of block "${name}" is itself that of block "${there.sharedWith.block}"`;
  if (there.shape.join() !== spec.shape.join())
    return `its shape is [${spec.shape.join(', ')}], that of "${own}" of block "${name}" [${there.shape.join(', ')}]`;
  return there.decay === spec.decay
    ? null
    : `one of the two has weight decay and "${own}" of block "${name}" the other`;
}
