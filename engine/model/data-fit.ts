// DataFit: whether a data set has what a model needs. It names both sides where it has not.
import { ModelError } from '../core/errors.js';
import type { DataInfo, FieldSpec } from '../data/dataset.js';

/**
 * The shape of a field, or ModelError PT_MODEL_DATA. `wants` says what the model works on and which data to use
 * instead.
 */
export function requireField(
  model: string,
  data: DataInfo,
  name: string,
  rank: number,
  wants: string,
): readonly number[] {
  const field: FieldSpec | undefined = data.fields.find((candidate) => candidate.name === name);
  if (field === undefined) {
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${model} needs the field "${name}"; the data (${data.task}) has ` +
        `${data.fields.map((known) => known.name).join(', ')}`,
      wants,
    );
  }
  if (field.shape.length !== rank) {
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${model} needs the field "${name}" with ${rank} axes per sample; the data has ` +
        `${field.shape.length} (${field.shape.join(' x ')})`,
      wants,
    );
  }
  return field.shape;
}

/** A number the data must state, e.g. its classes, or ModelError PT_MODEL_DATA. */
export function requireCount(model: string, data: DataInfo, what: 'classes' | 'vocabulary', wants: string): number {
  const count = data[what];
  if (count === null) {
    throw new ModelError(
      'PT_MODEL_DATA',
      `the model ${model} needs data with ${what}; the data (${data.task}) has none`,
      wants,
    );
  }
  return count;
}
