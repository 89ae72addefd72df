// Ladder: the sizes that a growing model has one after the other, and of each which of the layers that repeat are there
// and which of them are new. Layers have their numbers in the whole model from the start, so that a layer that is there
// keeps its number for ever. Pure.
import { invariant, present } from '../core/invariant.js';
import type { GrowthWay } from './way.js';

/** A layer that is new, and the one whose copy it is. */
export interface Birth {
  readonly layer: number;
  readonly like: number;
}

export interface Rung {
  /** Of the layers that repeat, counted from 0, those that are there. */
  readonly layers: readonly number[];
  /** Those of them that the rung before has not; none on the first. */
  readonly born: readonly Birth[];
}

/**
 * The rungs for so many repeating layers each, in order; the last is the whole model. Each is found from the one above
 * it: of the layers that come from one, the first is that one.
 */
export function ladderOf(way: GrowthWay, counts: readonly number[]): Rung[] {
  const rungs: Rung[] = [];
  let layers = Array.from({ length: counts.at(-1) ?? 0 }, (_, layer) => layer);
  for (let rung = counts.length - 1; rung >= 0; rung--) {
    const before = counts[rung - 1] ?? layers.length;
    invariant(before > 0 && before <= layers.length, () => `${before} layers grow to ${layers.length}`);
    const origins = layers.map((_, position) => way.originOf(position, before, layers.length));
    const firstOf = (origin: number): number => present(layers[origins.indexOf(origin)], `copy of layer ${origin}`);
    const born = layers.flatMap((layer, position): Birth[] => {
      const like = firstOf(present(origins[position], 'origin'));
      return like === layer ? [] : [{ layer, like }];
    });
    rungs.unshift({ layers, born });
    layers = Array.from({ length: before }, (_, origin) => firstOf(origin));
  }
  return rungs;
}
