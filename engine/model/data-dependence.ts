// DataDependence: which blocks of a model have a place for every class or for every token of the data, found by
// building it for data with one more. What such places stand for follows from the data, not from the model.
import type { DataInfo } from '../data/dataset.js';
import type { Block } from './block.js';
import { buildModel } from './build-model.js';
import type { ModelDefinition } from './define.js';

/**
 * Names of the blocks of which a parameter has another shape where the data have one class or token more; empty where
 * the data have none at all. Null where the model cannot be built for such data, so that nobody can tell.
 */
export function blocksThatFollow(
  definition: ModelDefinition,
  options: Record<string, unknown>,
  info: DataInfo,
  what: 'classes' | 'vocabulary',
): ReadonlySet<string> | null {
  const count = info[what];
  if (count === null) return new Set();
  const shapes = (data: DataInfo): Map<string, string> =>
    new Map(buildModel(definition, options, data).blocks.map((block) => [block.name, shapesOf(block)]));
  const now = shapes(info);
  let more: Map<string, string>;
  try {
    more = shapes({ ...info, [what]: count + 1 });
  } catch {
    return null;
  }
  return new Set([...now].filter(([name, shape]) => more.get(name) !== shape).map(([name]) => name));
}

const shapesOf = ({ params }: Block): string =>
  JSON.stringify(Object.entries(params).map(([name, { shape }]) => [name, shape]));
