// TrainedStart: how much of a model, counted in layers from below, was trained before the first step. Freezing asks it:
// what is fresh is noise until it has been trained. It holds no weights.
import { z } from 'zod';
import { leadingLayers } from '../../freeze/layers.js';
import type { Block } from '../model/block.js';

const layers = z.number().int().nonnegative();

export const trainedStartSchema = z.object({
  /** Leading layers that, with all that lies before them, start from trained weights, wherever these come from. */
  trainedLayers: layers,
  /** Those of them whose weights were pretrained at length: those of a folder or of a run that began with such. */
  pretrainedLayers: layers,
});

export type TrainedStart = z.infer<typeof trainedStartSchema>;

/** Nothing of the model was. */
export const UNTRAINED: TrainedStart = { trainedLayers: 0, pretrainedLayers: 0 };

/**
 * Whether a block starts from trained weights: some of its parameters are read from a file, and none is drawn at
 * random. What has no parameters needs no training.
 */
export function startsTrained({ params }: Block): boolean {
  const kinds = Object.values(params).map(({ init }) => init.kind);
  return kinds.length === 0 || (kinds.includes('file') && !kinds.includes('normal') && !kinds.includes('uniform'));
}

/** Of a model that names the files of its weights itself: these are pretrained ones. */
export function trainedByFiles(blocks: readonly Block[]): TrainedStart {
  const count = leadingLayers(blocks, startsTrained);
  return { trainedLayers: count, pretrainedLayers: count };
}
