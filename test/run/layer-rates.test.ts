// Rates by layer: the head has that of the run, each layer below a smaller one, what is before them the smallest.
import { expect, it } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import type { Model } from '../../engine/model/block.js';
import { layerRates, timesRates } from '../../engine/run/layer-rates.js';

const layers = [null, 0, 0, 1, 1, null];
const model = { blocks: layers.map((layer, i) => ({ name: `b${i}`, layer })) } as unknown as Model;
const rates = (layerDecay: number) =>
  layerRates(trainConfigSchema.parse({ model: 'vit', data: 'x', layerDecay }), model);

it('falls by one factor from layer to layer', () => {
  expect(rates(0.5)).toEqual([0.125, 0.25, 0.25, 0.5, 0.5, 1]);
  expect(rates(1)).toBeUndefined();
});

it('multiplies the rates of a freeze policy', () => {
  expect(timesRates([1, 0.5], [0.5, 0.5])).toEqual([0.5, 0.25]);
  expect(timesRates(undefined, [0.5])).toEqual([0.5]);
  expect(timesRates(undefined, undefined)).toBeUndefined();
});
