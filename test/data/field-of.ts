// Reads one field of one sample as a list.
import type { Dataset } from '../../engine/data/dataset.js';
import { hostArray } from '../../engine/tensor/shape.js';

export function fieldOf(dataset: Dataset, id: number, name: string): number[] {
  const spec = dataset.info.fields.find((field) => field.name === name);
  if (spec === undefined) throw new Error(`no field ${name}`);
  const out = hostArray(spec.dtype, spec.shape);
  dataset.read(id, name, out, 0);
  return [...out];
}
