// MicroBatch filling: copies the fields of a slice of a batch into the buffers of a program. The height is fixed;
// padding rows hold valid data of weight zero, since the bits of a matrix product depend on its height.
import { invariant } from '../core/invariant.js';
import type { NumberArray } from '../tensor/shape.js';
import type { Dataset } from './dataset.js';

/**
 * Fills `out` [B, ...field] for `ids` [B]; rows of padding (-1) repeat the first real sample, or sample 0 where there
 * is none.
 */
export function fillField(dataset: Dataset, name: string, ids: Int32Array, out: NumberArray): void {
  const stand = Math.max(0, ids.find((id) => id >= 0) ?? 0);
  for (let row = 0; row < ids.length; row++) {
    const id = ids[row] as number;
    dataset.read(id < 0 ? stand : id, name, out, row);
  }
}

/**
 * Fills `out` [B] with the share of each sample in the loss of the step: 1 / total for real rows (as f32), 0 for
 * padding. `total` counts the real samples of the whole batch.
 */
export function fillWeights(ids: Int32Array, total: number, out: Float32Array): void {
  invariant(
    total > 0 && out.length === ids.length,
    () => `weights: ${ids.length} rows, ${out.length} elements, total ${total}`,
  );
  const share = Math.fround(1 / total);
  for (let row = 0; row < ids.length; row++) out[row] = (ids[row] as number) < 0 ? 0 : share;
}
