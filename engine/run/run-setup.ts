// RunSetup: the facts of a run that never change: model, data, sizes, number of steps. Everything in it follows from
// the configuration.
import { requireBlocks } from '../../pipeline/partition.js';
import { readScheduleSetting } from '../../pipeline/schedules/from-file.js';
import type { ScheduleSource } from '../../pipeline/schedules/registry.js';
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { Dataset } from '../data/dataset.js';
import { Sampler } from '../data/sampler.js';
import { RunMetrics } from '../metrics/run-metrics.js';
import { statisticsWidth } from '../metrics/sample-statistics.js';
import type { Model } from '../model/block.js';
import { type BlockPrograms, blockPrograms } from '../model/block-programs.js';
import { buildModel } from '../model/build-model.js';
import type { ModelDefinition } from '../model/define.js';
import { requireSmoothing } from '../model/label-smoothing.js';
import { loadModel } from '../model/load-model.js';
import type { ModelSource } from '../model/model-source.js';
import { type SlabLayout, slabLayout } from '../model/slab.js';
import { checkTraces } from '../model/trace-check.js';
import { workersOf } from './devices.js';
import { requireOneRate } from './layer-rates.js';
import { openRunDataset } from './run-dataset.js';
import { type RunGrowth, runGrowth } from './run-growth.js';
import { trainedByFiles, type TrainedStart } from './trained-start.js';

/**
 * Micro-batches of a step where the user does not say: enough to fill a short pipeline, few enough to keep matrix
 * products large.
 */
const DEFAULT_MICRO_BATCHES = 8;

export interface RunSetup {
  readonly config: TrainConfig;
  readonly definition: ModelDefinition;
  /** Its metric is the one that the run goes by. */
  readonly model: Model;
  readonly metrics: RunMetrics;
  readonly modelSource: ModelSource;
  /** What its blocks compute; found when it is asked for the first time. */
  readonly programs: () => BlockPrograms;
  readonly trained: TrainedStart;
  readonly dataset: Dataset;
  readonly layouts: readonly SlabLayout[];
  readonly sampler: Sampler;
  /** Samples per micro-batch; divides the batch. */
  readonly microBatch: number;
  /** G. */
  readonly numMicroBatches: number;
  readonly totalSteps: number;
  /** How the model grows, or null. */
  readonly growth: RunGrowth | null;
  /** The schedule asked for, read where it is a file. */
  readonly schedule: 'auto' | ScheduleSource;
  readonly workers: readonly string[];
}

/** Samples per micro-batch where nobody says. */
export const usualMicroBatch = (batch: number): number => Math.max(1, Math.floor(batch / DEFAULT_MICRO_BATCHES));

/**
 * Samples per micro-batch, which has been found where it is `auto`. Throws a UsageError (PT_MICRO_BATCH) where it does
 * not divide the batch.
 */
export function microBatchOf({ microBatch: wanted, batch }: TrainConfig): number {
  invariant(wanted !== 'auto', () => 'the micro-batch was not chosen');
  const microBatch = wanted ?? usualMicroBatch(batch);
  if (batch % microBatch !== 0)
    throw new UsageError(
      'PT_MICRO_BATCH',
      `--batch ${batch} is not a multiple of ${wanted === undefined ? 'the usual ' : '--'}micro-batch ${microBatch}`,
      `Use a --micro-batch that divides ${batch}.`,
    );
  return microBatch;
}

/** Steps of a run. */
export const stepsOf = ({ steps, epochs }: TrainConfig, { stepsPerEpoch }: Pick<Sampler, 'stepsPerEpoch'>): number =>
  steps ?? (epochs ?? 1) * stepsPerEpoch;

/** The batch of who says nothing: it is not held against them that their data are fewer. */
const USUAL_BATCH = 64;

/** Throws a UsageError (PT_BATCH) where a larger batch than usual was asked for, and larger than the data are. */
function requireBatch(batch: number, { source, numTrain }: Dataset): void {
  if (batch <= Math.max(numTrain, USUAL_BATCH)) return;
  throw new UsageError(
    'PT_BATCH',
    `--batch ${batch} is more than the ${numTrain} training samples of ${source}`,
    // An eighth of it, the usual micro-batch, divides it.
    `Use --batch ${numTrain < 8 ? numTrain : numTrain - (numTrain % 8)} or fewer.`,
  );
}

/** Metrics that are shares, by their names: of samples that are right, say. */
const SHARES = /accuracy|precision|recall|\bf1\b|exact|\bauc\b/i;

/** Throws a UsageError (PT_CONFIG_VALUE) where no value of the metric could reach the target. */
function requireTarget({ targetMetric: target }: TrainConfig, { name, metric }: Model): void {
  if (target === undefined || !SHARES.test(metric.name) || (target >= 0 && target <= 1)) return;
  const isPercent = target > 1 && target <= 100;
  throw new UsageError(
    'PT_CONFIG_VALUE',
    `--target-metric is ${target}; the metric of ${name} is ${metric.name}, a share from 0 to 1`,
    isPercent ? `Use --target-metric ${target / 100} for ${target} %.` : 'Use a number from 0 to 1.',
  );
}

/** What evaluation tells at most, in bytes: workers report it whole. */
const MOST_STATISTICS = 48 * 2 ** 20;

/** Throws a UsageError (PT_METRICS) where evaluation would tell more than a report can hold. */
function requireRoom({ source, numValidation }: Dataset, model: Model): void {
  const width = statisticsWidth(model);
  const most = Math.floor(MOST_STATISTICS / (4 * width));
  if (numValidation <= most) return;
  throw new UsageError(
    'PT_METRICS',
    `${source} has ${numValidation} validation samples, of which ${model.name} tells ${width} numbers each; at most ` +
      `${most} such samples are held`,
    `Validate on fewer: --data-options maxValidation=${most}, or a shorter sequence.`,
  );
}

/** Loads what the configuration names and checks that it fits together. */
export async function setUpRun(config: TrainConfig): Promise<RunSetup> {
  const schedule = readScheduleSetting(config.schedule);
  const workers = workersOf(config.devices);
  const { definition, source } = await loadModel(config.model);
  const dataset = await openRunDataset(config, definition.dataDefaults);
  requireBatch(config.batch, dataset);
  const built = buildModel(definition, config.modelOptions, dataset.info, config);
  const metrics = new RunMetrics(config.metrics, built, dataset.info);
  const { name, higherIsBetter } = metrics.first;
  const model = { ...built, metric: { name, higherIsBetter } };
  requireTarget(config, model);
  requireOneRate(config, model);
  requireRoom(dataset, model);
  if (config.pipeline !== 'auto') requireBlocks(config.pipeline, model.blocks.length, 0);
  const microBatch = microBatchOf(config);
  checkTraces(model, dataset.info, microBatch);
  requireSmoothing(model, dataset.info, microBatch);
  let programs: BlockPrograms | null = null;
  const sampler = new Sampler({
    numTrain: dataset.numTrain,
    numValidation: dataset.numValidation,
    numViews: dataset.numViews,
    batch: config.batch,
    seed: config.seed,
  });
  const trained = trainedByFiles(model.blocks);
  const totalSteps = stepsOf(config, sampler);
  const isTrained = trained.trainedLayers > 0;
  return {
    config,
    definition,
    model,
    metrics,
    modelSource: source,
    programs: () =>
      (programs ??= blockPrograms({ definition, modelOptions: config.modelOptions, model, data: dataset.info })),
    trained,
    dataset,
    layouts: model.blocks.map(slabLayout),
    sampler,
    microBatch,
    numMicroBatches: config.batch / microBatch,
    totalSteps,
    growth: runGrowth({ config, model, data: dataset.info, totalSteps, isTrained }),
    workers,
    schedule,
  };
}
