// LayerRates: layer-wise decay of the learning rate (Howard and Ruder 2018, Clark et al. 2020): the head has the rate
// of the run, every layer below a smaller one by the same factor, and what lies before the layers the smallest.
import type { TrainConfig } from '../core/config.js';
import type { Model } from '../model/block.js';

/** Factor of the learning rate per block; undefined where it is 1 for all. */
export function layerRates({ layerDecay }: TrainConfig, { blocks }: Model): readonly number[] | undefined {
  if (layerDecay === 1) return undefined;
  const first = blocks.findIndex(({ layer }) => layer !== null);
  const numLayers = Math.max(-1, ...blocks.map(({ layer }) => layer ?? -1)) + 1;
  return blocks.map(({ layer }, b) => {
    if (layer !== null) return layerDecay ** (numLayers - layer);
    return b < first ? layerDecay ** (numLayers + 1) : 1;
  });
}

/** The product of two lists of factors, either of which may be missing. */
export function timesRates(a: readonly number[] | undefined, b: readonly number[] | undefined): number[] | undefined {
  if (a === undefined || b === undefined) return a === undefined && b === undefined ? undefined : [...(a ?? b ?? [])];
  return a.map((rate, block) => rate * (b[block] ?? 1));
}
