// Room for copies of the state: how much shared memory they still have to get. What was copied before is there already.
import { existsSync } from 'node:fs';
import type { BlockSource } from '../checkpoint/checkpoint.js';
import { present } from '../core/invariant.js';
import type { ModelState } from './depot.js';

/** Bytes of those files of `sources` that do not exist yet. */
export function bytesToMake(
  sources: readonly BlockSource[],
  { lengths, stateLengths }: Pick<ModelState, 'lengths' | 'stateLengths'>,
): number {
  let floats = 0;
  for (const { block, weights, states } of sources) {
    const length = present(lengths[block], `length of block ${block}`);
    if (!existsSync(weights)) floats += length;
    if (states !== null && !existsSync(states)) floats += present(stateLengths[block], `states of block ${block}`);
  }
  return floats * Float32Array.BYTES_PER_ELEMENT;
}
