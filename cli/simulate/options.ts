// SimulateOptions: the flags of `pipetrain simulate`, checked and completed with what the paper used. It simulates
// nothing.
import { UsageError } from '../../engine/core/errors.js';
import type { Precision } from '../../engine/core/precision.js';
import { type GrowEntry, parseGrowSchedule } from '../../engine/growth/schedule.js';
import { type HardwareProfile, hardwareProfile, inPrecision } from '../../engine/simulate/hardware.js';
import { type SimulatedModel, simulatedModel } from '../../engine/simulate/model.js';
import type { SimulationOptions } from '../../engine/simulate/simulator.js';
import { countLayers } from '../../freeze/layers.js';

/** As commander hands them over. */
export interface SimulateFlags {
  readonly model: string;
  readonly hardware: string;
  readonly precision: Precision;
  readonly machines?: string;
  readonly devicesPerMachine?: string;
  readonly rules: string;
  readonly alpha: string;
  readonly freezeMax?: string;
  readonly grow?: string;
  readonly epochs?: string;
  readonly samples?: string;
  readonly batch?: string;
  readonly microBatch?: string;
  readonly pipeline: string;
  readonly cache: string;
  readonly cacheGb?: string;
  readonly sweep?: boolean;
  readonly schedule?: string;
  readonly stages: string;
  readonly microBatches: string;
  readonly chunks: string;
  readonly json?: boolean;
}

export interface SimulateOptions {
  readonly model: SimulatedModel;
  readonly hardware: HardwareProfile;
  readonly rules: 'paper' | 'pipetrain' | 'both';
  readonly alpha: number;
  readonly freezeMax?: number;
  readonly grow?: readonly GrowEntry[];
  readonly epochs: number;
  readonly samples: number;
  readonly batch: number;
  readonly microBatch: number;
  readonly pipeline: number | null;
  readonly usesCache: boolean;
  readonly cacheBytes: number;
}

/** Micro-batches of a pipeline in the paper's table, from which the default micro-batch follows. */
const PAPER_MICROS = 16;
/** Share of the host memory that the cache may have where nothing is said. */
const CACHE_SHARE = 0.5;

const fail = (flag: string, text: string, allowed: string): never => {
  throw new UsageError(
    'PT_SIMULATION',
    `--${flag} is "${text}"; it must be ${allowed}`,
    `Write --${flag} with ${allowed}.`,
  );
};

/** A positive whole number. Throws a UsageError (PT_SIMULATION) that names the flag. */
export function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  return /^\d{1,12}$/.test(text) && value > 0 ? value : fail(flag, text, 'a positive whole number');
}

const optionalNumber = (flag: string, text: string | undefined, standard: number): number =>
  text === undefined ? standard : wholeNumber(flag, text);

/** A number or a fraction such as 1/3, between 0 and 1. */
export function parseAlpha(text: string): number {
  const [, above = '', below = '1'] = /^(\d*\.?\d+)(?:\/(\d+))?$/.exec(text) ?? [];
  const alpha = above === '' ? Number.NaN : Number(above) / Number(below);
  return alpha > 0 && alpha < 1 ? alpha : fail('alpha', text, 'between 0 and 1, such as 0.3 or 1/3');
}

const whyNotGrow = ({ rules, sweep, schedule }: SimulateFlags): string | null =>
  rules === 'pipetrain' && sweep !== true && schedule === undefined
    ? null
    : 'only a training by the rules of pipetrain grows (--rules pipetrain)';

/** Why each flag has no effect beside the others, or null. */
export function idleSimulateFlags(flags: SimulateFlags): Record<string, string | null> {
  const { schedule, rules, cache, sweep } = flags;
  const [drawn, paper] = [schedule !== undefined, rules === 'paper' && sweep !== true && schedule === undefined];
  const byPaper = paper ? 'the rules of the paper do not know it (--rules paper)' : null;
  const oneSchedule = drawn ? '--schedule draws one schedule, and simulates no training' : null;
  const notDrawn = drawn ? null : 'no --schedule is drawn';
  return {
    sweep: oneSchedule,
    rules: oneSchedule ?? (sweep === true ? '--sweep compares both rules' : null),
    alpha: oneSchedule ?? (sweep === true ? '--sweep goes through the alphas of the paper' : null),
    freezeMax: oneSchedule,
    grow: whyNotGrow(flags),
    epochs: oneSchedule,
    samples: oneSchedule,
    pipeline: oneSchedule ?? byPaper,
    cache: oneSchedule,
    cacheGb: oneSchedule ?? (cache === 'off' ? 'the cache is off (--cache off)' : byPaper),
    microBatch: byPaper,
    stages: notDrawn,
    microBatches: notDrawn,
    chunks:
      notDrawn ?? (schedule === 'interleaved' ? null : `only the schedule interleaved has chunks, not ${schedule}`),
  };
}

function oneOf<const T extends string>(flag: string, text: string, allowed: readonly T[]): T {
  return allowed.find((value) => value === text) ?? fail(flag, text, `one of ${allowed.join(', ')}`);
}

export function parseSimulateFlags(flags: SimulateFlags): SimulateOptions {
  const model = simulatedModel(flags.model);
  const hardware = hardwareOf(flags);
  const batch = optionalNumber('batch', flags.batch, model.pipelineBatch * hardware.machines);
  // A batch per machine is what a pipeline of the paper works on.
  const microBatch = optionalNumber(
    'micro-batch',
    flags.microBatch,
    Math.max(1, Math.floor(batch / hardware.machines / PAPER_MICROS)),
  );
  if (batch % microBatch !== 0) fail('micro-batch', String(microBatch), `a divisor of the batch (${batch})`);
  return {
    model,
    hardware,
    rules: oneOf('rules', flags.rules, ['paper', 'pipetrain', 'both']),
    alpha: parseAlpha(flags.alpha),
    ...(flags.freezeMax === undefined ? {} : { freezeMax: wholeNumber('freeze-max', flags.freezeMax) }),
    ...(flags.grow === undefined ? {} : { grow: growOf(flags.grow, model) }),
    epochs: optionalNumber('epochs', flags.epochs, model.epochs),
    samples: optionalNumber('samples', flags.samples, model.samples),
    batch,
    microBatch,
    pipeline: flags.pipeline === 'auto' ? null : wholeNumber('pipeline', flags.pipeline),
    usesCache: oneOf('cache', flags.cache, ['auto', 'off']) === 'auto',
    cacheBytes:
      flags.cacheGb === undefined ? hardware.hostGB * CACHE_SHARE * 1e9 : wholeNumber('cache-gb', flags.cacheGb) * 1e9,
  };
}

/** What is simulated under whatever rules. */
export function simulationOf({
  model,
  hardware,
  freezeMax,
  grow,
  usesCache,
  cacheBytes,
  epochs,
  samples,
  batch,
  microBatch,
}: SimulateOptions): Omit<SimulationOptions, 'rules' | 'freeze' | 'fixedK'> {
  return {
    model,
    hardware,
    ...(freezeMax === undefined ? {} : { freezeMax }),
    ...(grow === undefined ? {} : { grow }),
    training: { epochs, samples, batch, microBatch },
    cacheBytes: usesCache ? cacheBytes : null,
  };
}

/** EPOCH:LAYERS pairs that end with the whole model. */
function growOf(text: string, { blocks }: SimulatedModel): GrowEntry[] {
  const entries = parseGrowSchedule(text);
  const layers = countLayers(blocks);
  return entries.at(-1)?.layers === layers
    ? entries
    : fail('grow', text, `EPOCH:LAYERS pairs that end with :${layers}`);
}

function hardwareOf({ hardware, precision, machines, devicesPerMachine }: SimulateFlags): HardwareProfile {
  const profile = inPrecision(hardwareProfile(hardware), precision);
  if (machines === undefined && devicesPerMachine === undefined) return profile;
  const changed = {
    ...profile,
    machines: optionalNumber('machines', machines, profile.machines),
    perMachine: optionalNumber('devices-per-machine', devicesPerMachine, profile.perMachine),
  };
  return {
    ...changed,
    description:
      `${changed.machines} ${changed.machines === 1 ? 'machine' : 'machines'} x ${changed.perMachine}, else as ` +
      `${profile.name}${precision === 'bf16' ? ', in bf16' : ''}`,
  };
}
