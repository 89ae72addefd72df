// LayerRates: layer-wise decay of the learning rate (Howard and Ruder 2018, Clark et al. 2020): the head has the rate
// of the run, every layer below a smaller one by the same factor, and what lies before the layers the smallest.
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { Model } from '../model/block.js';
import { sharingBlocks } from '../model/shared-parameters.js';

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

/**
 * Throws a UsageError (PT_SHARED_RATE) where blocks that share a parameter would have learning rates of their own: the
 * parameter would have as many values as blocks.
 */
export function requireOneRate({ layerDecay, freeze }: TrainConfig, { name, blocks }: Model): void {
  const [sharing] = sharingBlocks(blocks);
  if (sharing === undefined || (layerDecay === 1 && freeze !== 'anneal')) return;
  const names = sharing.map((block) => blocks[block]?.name).join(' and ');
  const setting = layerDecay === 1 ? `--freeze ${freeze}` : `--layer-decay ${layerDecay}`;
  throw new UsageError(
    'PT_SHARED_RATE',
    `${setting} gives blocks ${names} of ${name} learning rates of their own, and they share a parameter`,
    `Leave ${setting} out, or train the model without sharing (of hf:DIR: --model-options untie=true).`,
  );
}

/** Factors of the learning rate that were made for this step, held against what blocks share. */
export function checkRates(rates: readonly number[] | undefined, { blocks }: Model): void {
  if (rates === undefined) return;
  for (const sharing of sharingBlocks(blocks))
    invariant(
      new Set(sharing.map((block) => rates[block])).size === 1,
      () => `blocks ${sharing.join(', ')} share a parameter and have several learning rates`,
    );
}
