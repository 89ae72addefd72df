// IdentityBlock: a block made to give back its input: the parameters that close its residual branch become zero, and so
// do its optimizer states, which were of a block that did something. It decides for no block whether it may.
import type { Block } from './block.js';
import { entryView, type SlabLayout } from './slab.js';

/** Whether zeros can make a block the identity. */
export const canBeIdentity = ({ closing }: Block): boolean => closing !== undefined && closing.length > 0;

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
