// ForeignTensors: the weights of a model under the names and in the shapes that their family has in `transformers`. It
// reads and writes no files.
import { invariant, present } from '../core/invariant.js';
import { type Model, parameterName } from '../model/block.js';
import { type Shape, sizeOf } from '../tensor/shape.js';
import type { NamedTensor } from './safetensors.js';

export interface ForeignTensor {
  readonly name: string;
  readonly shape: Shape;
  /** Made when it is asked for: all together would be the model once more. */
  readonly numbers: () => Float32Array;
}

/** `weights` are those of the model by their canonical names; what blocks share is written once. */
export function foreignTensors({ blocks }: Model, weights: ReadonlyMap<string, NamedTensor>): ForeignTensor[] {
  return blocks.flatMap((block, index) =>
    Object.entries(block.params).flatMap(([name, { foreign, sharedWith }]) => {
      if (sharedWith !== undefined) return [];
      const canonical = parameterName(index, block, name);
      const place = present(foreign, `the name of ${canonical} in transformers`);
      const numbers = (): Float32Array => {
        const { data, shape } = present(weights.get(canonical), canonical);
        const turned = place.isTransposed ? transposed(data, shape) : data;
        const all = new Float32Array(sizeOf(place.shape));
        invariant(all.length === place.skipped + turned.length, () => `${place.name} is [${place.shape.join()}]`);
        all.set(turned, place.skipped);
        return all;
      };
      return [{ name: place.name, shape: place.shape, numbers }];
    }),
  );
}

function transposed(data: Float32Array, [rows = 0, columns = 0]: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] ?? NaN;
  return out;
}
