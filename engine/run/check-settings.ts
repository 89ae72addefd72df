// CheckSettings: what is wrong with a configuration, as far as it can be known without model and data: before workers
// are started and before a folder is made. What needs either is checked where they are set up.
import { parseFreezeSchedule } from '../../freeze/manual.js';
import { readScheduleSetting } from '../../pipeline/schedules/from-file.js';
import { readCredentials } from '../comm/tls.js';
import type { TrainConfig } from '../core/config.js';
import { UsageError } from '../core/errors.js';
import { parseMemoryLimit } from '../core/memory-limit.js';
import { growPolicyOf } from '../growth/policies.js';
import { GROWTH_WAYS } from '../growth/ways.js';
import { optimizerRule } from '../tensor/optimizers/registry.js';
import { deviceBits, executorOf, isMixed, workersOf } from './devices.js';
import { compileLearningRate, learningRateVariables, type TrainingTime } from './learning-rate.js';
import { optimizerSpec } from './optimizer-spec.js';
import { RATE_SCHEDULES } from './rates/registry.js';
import { microBatchOf } from './run-setup.js';

const MOST_PORT = 65_535;

/** Throws the UsageError of the first setting that cannot be right. */
export function checkSettings(config: TrainConfig): void {
  requireListenPort(config.listen);
  const workers = workersOf(config.devices).length;
  requireEqualDevices(config);
  requireWorkers(config, workers);
  readScheduleSetting(config.schedule);
  optimizerRule(optimizerSpec(config));
  if (config.freeze === 'manual') parseFreezeSchedule(config.freezeSchedule);
  requireGrowth(config);
  if (config.microBatch !== 'auto') microBatchOf(config);
  parseMemoryLimit(config.memoryLimit);
  requirePlainRate(config);
  requireKnownRates(config);
  readCredentials(config.tlsCert, config.tlsKey);
}

/** What can be known of it without the model. */
function requireGrowth({ grow, growBy, initFrom, ema }: TrainConfig): void {
  if (growBy !== 'auto') GROWTH_WAYS.get(growBy);
  if (grow === 'none') return;
  growPolicyOf(grow);
  if (ema > 0)
    throw new UsageError(
      'PT_GROW',
      `--grow ${grow} with --ema ${ema}: a mean of weights that began as copies of others would be of both`,
      'Leave out one of the two.',
    );
  if (initFrom !== '')
    throw new UsageError(
      'PT_GROW',
      `--grow ${grow} with --init-from ${initFrom}: a smaller model would drop layers that are trained`,
      'Leave out one of the two.',
    );
}

function requireListenPort(listen: string): void {
  const port = Number(/:(\d+)$/.exec(listen)?.[1] ?? 0);
  if (port > MOST_PORT)
    throw new UsageError(
      'PT_ADDRESS',
      `--listen ${listen} names the port ${port}; the largest is ${MOST_PORT}`,
      'Write HOST:PORT with a port from 1024 to 65535, or 0 for a free one.',
    );
}

/** Two kinds of device round differently, so which of them computes what would show in the result. */
function requireEqualDevices({ devices, exact }: TrainConfig): void {
  if (!exact) return;
  const bits = deviceBits(devices);
  if (!isMixed(devices) && bits.length < 2) return;
  const kinds = isMixed(devices) ? executorOf(devices).split('+') : bits;
  throw new UsageError(
    'PT_DEVICES',
    `--devices ${devices} names ${kinds.join(' and ')}; in an exact run all workers compute with the same, for their ` +
      'results differ in the last bits',
    'Name devices of one kind (CUDA_VISIBLE_DEVICES chooses among GPUs), or add --fast: plans then know how fast ' +
      'each is.',
  );
}

/** Workers may join later, but a run begins with its own. */
function requireWorkers({ pipeline, replicas, devices }: TrainConfig, workers: number): void {
  const [stages, copies] = [pipeline === 'auto' ? 1 : pipeline, replicas === 'auto' ? 1 : replicas];
  if (stages * copies <= workers) return;
  throw new UsageError(
    'PT_NOT_ENOUGH_WORKERS',
    `--pipeline ${stages} with --replicas ${copies} takes ${stages * copies} workers, --devices ${devices} starts ` +
      `${workers}`,
    `Use --devices cpu:${stages * copies}, or fewer stages (--pipeline) or replicas (--replicas).`,
  );
}

/** An expression that falls by itself, under a schedule, would fall twice. Throws a UsageError (PT_LR_SCHEDULE). */
function requirePlainRate({ lr, lrSchedule }: TrainConfig): void {
  const used = [...learningRateVariables(lr)].filter((name) => name !== 'pi' && name !== 'e');
  if (RATE_SCHEDULES.get(lrSchedule).reads.length === 0 || used.length === 0) return;
  throw new UsageError(
    'PT_LR_SCHEDULE',
    `lr-schedule ${lrSchedule} needs a number as its peak; lr is "${lr}", which changes with ${used.join(' and ')} ` +
      'by itself',
    'Give the peak with --lr, such as --lr 1e-3, or leave --lr-schedule out.',
  );
}

/**
 * The rates of a run whose length in epochs or in steps is not known yet: where the expression depends on what is
 * known. Throws a UsageError (PT_LR_EXPRESSION).
 */
function requireKnownRates({ lr, steps, epochs }: TrainConfig): void {
  const rate = compileLearningRate(lr, 0);
  const used = learningRateVariables(lr);
  const first = { step: 0, epoch: 0, steps: steps ?? Number.NaN, epochs: epochs ?? Number.NaN };
  const look = (at: Partial<TrainingTime>): void => void rate({ ...first, ...at });
  const dependsOn = (...names: readonly string[]): boolean => names.some((name) => used.has(name));
  if (steps !== undefined ? !dependsOn('epochs') : !dependsOn('steps')) look({});
  if (steps !== undefined && !dependsOn('epoch', 'epochs'))
    for (const share of [0.25, 0.5, 0.75, 1]) look({ step: Math.max(0, Math.ceil(steps * share) - 1) });
}
