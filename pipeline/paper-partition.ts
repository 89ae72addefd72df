// The rules of PipeTransformer (He et al., ICML 2021) for cutting and shortening a pipeline, kept for comparison:
// balance by parameter counts, a pipeline that only halves, a fixed table of micro-batch counts, and which ranks work.
// exactPartition is the default of this project.
import { invariant, present } from '../engine/core/invariant.js';
import type { BlockCost } from './costs.js';
import { type Cuts, PartitionError, requireBlocks } from './partition.js';

/** What one frozen parameter weighs against an active one (lambda_frozen of the paper). */
export const FROZEN_WEIGHT = 1 / 6;

/**
 * The greedy balance: stage k takes blocks while its load stays below mean + variance of what is unassigned, each
 * divided by the stages left; the last stage takes the rest. Sizes are parameters; the test is in millions, because
 * mean + variance depends on the unit. Where the list begins with frozen blocks, `frozenParameters` is their sum and
 * counts on stage 0 at FROZEN_WEIGHT; the published figures leave the frozen part out of the list (0, the default).
 * Returns the number of blocks per stage. Stages may come out empty (embedding-heavy models): `paperPartition` refuses
 * that.
 */
export function loadBalance(parameters: readonly number[], stages: number, frozenParameters = 0): number[] {
  invariant(stages > 0, () => `balance over ${stages} stages`);
  const counts: number[] = [];
  let at = 0;
  for (let stage = 0; stage < stages; stage++) {
    const unassigned = parameters.slice(at).map((count) => count / 1e6);
    const left = stages - stage;
    const limit = sum(unassigned) / left + populationVariance(unassigned) / left;
    const start = at;
    let load = stage === 0 ? -discount(frozenParameters) / 1e6 : 0;
    while (at < parameters.length && (left === 1 || load + present(parameters[at], 'size') / 1e6 < limit)) {
      load += present(parameters[at], 'size') / 1e6;
      at++;
    }
    counts.push(at - start);
  }
  return counts;
}

/** Parameters per stage for the counts of `loadBalance`. Sums of integers, so that ties are exact. */
export function stageLoads(parameters: readonly number[], counts: readonly number[], frozenParameters = 0): number[] {
  let at = 0;
  return counts.map(
    (count, stage) => sum(parameters.slice(at, (at += count))) - (stage === 0 ? discount(frozenParameters) : 0),
  );
}

/**
 * The shortest pipeline the paper's rule allows: halve K while the largest load of the shorter one is at most `limit`
 * (M0, the largest load at the start of the run). Never longer than `stages`.
 */
export function compressPipeline(
  parameters: readonly number[],
  stages: number,
  limit: number,
  frozenParameters = 0,
): number {
  let length = stages;
  while (length >= 2) {
    const shorter = Math.floor(length / 2);
    const loads = stageLoads(parameters, loadBalance(parameters, shorter, frozenParameters), frozenParameters);
    if (Math.max(...loads) > limit) break;
    length = shorter;
  }
  return length;
}

/**
 * The greedy balance over the active blocks of measured costs (4 bytes per parameter), as cuts. Throws a PartitionError
 * naming an empty stage.
 */
export function paperPartition(costs: readonly BlockCost[], frozen: number, stages: number): Cuts {
  requireBlocks(stages, costs.length, frozen);
  const counts = loadBalance(
    costs.slice(frozen).map(({ parameterBytes }) => parameterBytes / 4),
    stages,
  );
  const empty = counts.indexOf(0);
  if (empty >= 0)
    throw new PartitionError(
      `the paper's balance leaves stage ${empty} of ${stages} without a block (blocks per stage: ${counts.join(', ')})`,
      'Use --partition exact, or a shorter pipeline.',
    );
  let at = frozen;
  return counts.map((count) => (at += count) - count);
}

/** The released table of micro-batches per pipeline length: 16 for 8, 4 and 2 stages, else 4 K. */
export const paperChunks = (stages: number): number => ([2, 4, 8].includes(stages) ? 16 : 4 * stages);

const discount = (frozenParameters: number): number => frozenParameters * (1 - FROZEN_WEIGHT);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function populationVariance(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const mean = sum(values) / values.length;
  return sum(values.map((value) => (value - mean) ** 2)) / values.length;
}
