// StartingConfig: the configuration with which a run begins or goes on where weights of a checkpoint are its start: the
// data are then read by the legend of that checkpoint, unless the user says otherwise.
import { join } from 'node:path';
import type { TrainConfig } from '../core/config.js';
import { LEGEND_FILE, legendText, readLegend } from '../data/legend.js';
import { NO_LEGEND } from '../data/open-dataset.js';
import type { RunFolder } from '../run/run-folder.js';
import { findCheckpoint } from './initial-weights.js';
import type { ResumePoint } from './run-checkpoint.js';

/**
 * For a new run. Its checkpoint is named for good: the run that wrote it may write newer ones while workers start.
 * Throws as `findCheckpoint`.
 */
export function startingConfig(config: TrainConfig): TrainConfig {
  if (config.initFrom === '') return config;
  const { folder } = findCheckpoint(config.initFrom);
  return { ...config, initFrom: folder, dataOptions: { legend: join(folder, LEGEND_FILE), ...config.dataOptions } };
}

/** For a run that goes on, or is evaluated: where the data were read by a legend, the checkpoint has it, too. */
export function continuedConfig(config: TrainConfig, { folder, manifest }: ResumePoint): TrainConfig {
  const was = (manifest.config['dataOptions'] as Record<string, unknown> | undefined)?.['legend'];
  return was === undefined || was === NO_LEGEND
    ? config
    : { ...config, dataOptions: { ...config.dataOptions, legend: join(folder, LEGEND_FILE) } };
}

/**
 * The run keeps the legend itself: workers may still come when the checkpoint that it was taken from is gone, and those
 * of other hosts need a copy. Throws a DataError (PT_DATA_LEGEND) where it cannot be read.
 */
export function withKeptLegend(config: TrainConfig, folder: RunFolder): TrainConfig {
  const { legend } = config.dataOptions;
  if (typeof legend !== 'string' || legend === '' || legend === NO_LEGEND) return config;
  const kept = folder.writeLegend(legendText(readLegend(legend)));
  return { ...config, dataOptions: { ...config.dataOptions, legend: kept } };
}
