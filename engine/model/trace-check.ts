// checkTraces: a model that somebody wrote is traced as a whole before anything is started, so that what is wrong with
// it (shapes, ops that do not exist or have no gradient) is said with its place at once.
import type { DataInfo } from '../data/dataset.js';
import type { Model } from './block.js';
import { traceBlock, traceObjective } from './block-graph.js';

/** Throws the ModelError that the first worker would, of a model from a file; does nothing with others. */
export function checkTraces(model: Model, data: DataInfo, microBatch: number): void {
  if (model.places === undefined) return;
  for (const isTraining of [true, false]) {
    const options = { model, data, microBatch, isTraining };
    const output = model.blocks.reduce<readonly number[] | null>(
      (shape, _, index) => traceBlock(options, index, shape).outputShape,
      null,
    );
    traceObjective(options, 'loss', output ?? []);
    if (!isTraining && model.score !== null) traceObjective(options, 'score', output ?? []);
  }
}
