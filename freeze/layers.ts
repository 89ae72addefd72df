// Layers and blocks: policies count transformer layers, plans count blocks. A freeze always takes whole layers from the
// bottom, with all that lies before them, and never the blocks behind the last layer.
import { invariant } from '../engine/core/invariant.js';

/**
 * The part of a Block that freezing looks at: its transformer layer (0-based), or null for what lies before and behind
 * the layers.
 */
export interface LayeredBlock {
  readonly layer: number | null;
}

/** A layer for people, counted as blocks are named (`layer0.attention`): "layer 2 (of 0-5)". */
export const layerText = (layer: number, numLayers: number): string => `layer ${layer} (of 0-${numLayers - 1})`;

/** L, the number of transformer layers. */
export const countLayers = (blocks: readonly LayeredBlock[]): number =>
  Math.max(-1, ...blocks.map(({ layer }) => layer ?? -1)) + 1;

/**
 * How many blocks are frozen when `layers` layers are: none for 0, else everything up to the last block of layer
 * `layers` - 1 (embeddings included). Blocks behind the last layer (the head) always stay.
 */
export function frozenBlocks(blocks: readonly LayeredBlock[], layers: number): number {
  const numLayers = countLayers(blocks);
  invariant(
    Number.isInteger(layers) && layers >= 0 && layers <= numLayers,
    () => `${layers} frozen layers of ${numLayers}`,
  );
  return layers === 0 ? 0 : blocks.findLastIndex(({ layer }) => layer !== null && layer < layers) + 1;
}

/**
 * How many leading layers, with all that lies before them, have blocks for all of which `holds` is true. 0 where there
 * are no layers.
 */
export function leadingLayers<B extends LayeredBlock>(blocks: readonly B[], holds: (block: B) => boolean): number {
  const first = blocks.findIndex((block) => !holds(block));
  const most = countLayers(blocks);
  if (first < 0) return most;
  let layers = 0;
  while (layers < most && frozenBlocks(blocks, layers + 1) <= first) layers++;
  return layers;
}

/**
 * Gradient norm of every layer from those of the blocks: the root of the sum of squares. Embeddings and head do not
 * count.
 */
export function layerNorms(blocks: readonly LayeredBlock[], blockNorms: readonly number[]): number[] {
  invariant(blocks.length === blockNorms.length, () => `${blockNorms.length} norms for ${blocks.length} blocks`);
  const squares = new Array<number>(countLayers(blocks)).fill(0);
  for (const [b, { layer }] of blocks.entries())
    if (layer !== null) squares[layer] = (squares[layer] as number) + (blockNorms[b] as number) ** 2;
  return squares.map(Math.sqrt);
}
