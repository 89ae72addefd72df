// checkTraces: a model that somebody wrote is traced as a whole before anything is started, so that what is wrong with
// it (shapes, ops that do not exist or have no gradient, tables that are too small) is said with its place at once.
import type { DataInfo } from '../data/dataset.js';
import type { Model } from './block.js';
import { traceBlock, traceObjective } from './block-graph.js';
import { requireIndexBounds } from './index-bounds.js';

/** Throws the ModelError that the first worker would, of a model from a file; does nothing with others. */
export function checkTraces(model: Model, data: DataInfo, microBatch: number): void {
  if (model.places === undefined) return;
  for (const isTraining of [true, false]) {
    const options = { model, data, microBatch, isTraining };
    const output = model.blocks.reduce<readonly number[] | null>((shape, { name }, index) => {
      const block = traceBlock(options, index, shape);
      requireIndexBounds(`Model ${model.name}, block ${name}`, block, data);
      return block.outputShape;
    }, null);
    requireIndexBounds(`Model ${model.name}, loss`, traceObjective(options, 'loss', output ?? []), data);
    if (isTraining) continue;
    if (model.score !== null) traceObjective(options, 'scores', output ?? []);
    if (model.outcome !== undefined) traceObjective(options, 'outcome', output ?? []);
  }
}
