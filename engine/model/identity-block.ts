// IdentityBlock: a block made to give back its input: the parameters that close its residual branch become zero, and so
// do its optimizer states, which were of a block that did something. It decides for no block whether it may.
import { ModelError } from '../core/errors.js';
import type { Block } from './block.js';
import { entryView, type SlabLayout } from './slab.js';

/**
 * Whether zeros can make a block the identity: it says which parameters close its residual branch. Throws a ModelError
 * (PT_GROW_MODEL) where it names one that it does not have.
 */
export function canBeIdentity({ name, closing = [], params }: Block): boolean {
  const known = Object.keys(params);
  const wrong = closing.find((parameter) => !known.includes(parameter));
  if (wrong === undefined) return closing.length > 0;
  throw new ModelError(
    'PT_GROW_MODEL',
    `the block ${name} names ${wrong} among the parameters that close its residual branch, and has ${known.join(', ')}`,
    'Name parameters of the block in `closing`, or leave it out: new layers are then copies (--grow-by stack).',
  );
}

/** `states` are the optimizer states one behind the other, null where there are none. */
export function becomeIdentity(
  { closing = [] }: Block,
  {
    layout,
    weights,
    states,
  }: { readonly layout: SlabLayout; readonly weights: Float32Array; readonly states: Float32Array | null },
): void {
  for (const entry of layout.entries) if (closing.includes(entry.name)) entryView(weights, entry).fill(0);
  states?.fill(0);
}
