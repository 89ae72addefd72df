// IdleSettings: which settings of a configuration nobody reads, and why. Every setting has its reader here: it is read
// always, or where others say so; optimizers and freeze policies declare themselves what they read. Whether an idle
// setting is an error or a warning is for those to say who know where it was written.
import type { FreezePolicyOptions } from '../../freeze/policy.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { type TrainConfig, trainConfigSchema } from '../core/config.js';
import { OPTIMIZERS } from '../tensor/optimizers/registry.js';
import type { OptimizerSettings } from '../tensor/update-rule.js';
import type { RateScheduleSettings } from './rates/rate-schedule.js';
import { RATE_SCHEDULES } from './rates/registry.js';

type Name = keyof TrainConfig;

/** Why a setting has no effect. */
export interface Idleness {
  /** A clause: "only the optimizer sgd reads it, and the optimizer is adamw". */
  readonly why: string;
  /** The setting that would have to be another one. */
  readonly decidedBy: Name;
}

export interface IdleSetting extends Idleness {
  readonly name: Name;
}

/** Always read, or why not in this configuration. */
type Reader = 'always' | ((config: TrainConfig) => Idleness | null);

const unless = (isRead: boolean, decidedBy: Name, why: string): Idleness | null => (isRead ? null : { why, decidedBy });

const listed = (names: readonly string[]): string => new Intl.ListFormat('en-GB').format(names);

/** "optimizer sgd reads", "freeze policies paper and alpha read" */
const readersText = (one: string, many: string, readers: readonly string[]): string =>
  readers.length === 1 ? `${one} ${listed(readers)} reads` : `${many} ${listed(readers)} read`;

const optimizerReads =
  (setting: keyof OptimizerSettings): Reader =>
  ({ optimizer }) => {
    const readers = OPTIMIZERS.all.filter(({ reads }) => reads.includes(setting)).map(({ name }) => name);
    const why = `only the ${readersText('optimizer', 'optimizers', readers)} it, and the optimizer is ${optimizer}`;
    return unless(readers.includes(optimizer), 'optimizer', why);
  };

const rateScheduleReads =
  (setting: keyof RateScheduleSettings): Reader =>
  ({ lrSchedule }) => {
    const readers = RATE_SCHEDULES.all.filter(({ reads }) => reads.includes(setting)).map(({ name }) => name);
    const why = `only ${readersText('lr-schedule', 'the lr-schedules', readers)} it, and lr-schedule is ${lrSchedule}`;
    return unless(readers.includes(lrSchedule), 'lrSchedule', why);
  };

const nesterov: Reader = (config) =>
  (optimizerReads('nesterov') as Exclude<Reader, 'always'>)(config) ??
  unless(config.momentum > 0, 'momentum', 'it is a kind of momentum, and momentum is 0');

const policyReads =
  (option: keyof FreezePolicyOptions): Reader =>
  (config) => {
    const readers = FREEZE_POLICIES.all.filter(({ reads }) => reads.includes(option)).map(({ name }) => name);
    const who = readersText('freeze policy', 'freeze policies', readers);
    const why = `only the ${who} it, and freeze is ${config.freeze}`;
    return unless(readers.includes(config.freeze), 'freeze', why) ?? frozen(config);
  };

/** Null where something may freeze. */
function frozen({ freeze, model, initFrom }: TrainConfig): Idleness | null {
  if (freeze === 'none') return { decidedBy: 'freeze', why: 'nothing freezes: freeze is none' };
  // A model in a file may come with weights, too.
  const isFromScratch = initFrom === '' && /^[\w-]+$/.test(model);
  const { needsTrained } = FREEZE_POLICIES.get(freeze);
  return unless(
    needsTrained !== true || !isFromScratch,
    'freeze',
    `the freeze policy ${freeze} freezes nothing in a run from scratch`,
  );
}

const guarded: Reader = (config) => {
  const { guard, freeze } = config;
  const isWatched = guard === 'on' || (guard === 'auto' && FREEZE_POLICIES.get(freeze).isGuarded);
  return (
    frozen(config) ??
    unless(
      isWatched,
      'guard',
      guard === 'off' ? 'guard is off' : `the guard does not watch the freeze policy ${freeze} unless guard is on`,
    )
  );
};

const cached: Reader = (config) => unless(config.cache !== 'off', 'cache', 'cache is off') ?? frozen(config);

const diskCached: Reader = (config) =>
  cached(config) ?? unless(config.cacheDiskMb > 0, 'cacheDiskMb', 'nothing is cached on disk: cache-disk-mb is 0');

/** One stage needs no cut and no order. */
const stages: Reader = ({ pipeline }) => unless(pipeline !== 1, 'pipeline', 'a pipeline of length 1 has one stage');

const fromWeights: Reader = ({ initFrom }) => unless(initFrom !== '', 'initFrom', 'no init-from is given');

/** Who reads each setting. */
export const SETTING_READERS: Readonly<Record<Name, Reader>> = {
  model: 'always',
  modelOptions: 'always',
  initFrom: 'always',
  initStrict: fromWeights,
  initOtherProgram: fromWeights,
  data: 'always',
  dataOptions: 'always',
  augment: 'always',
  augmentPixels: ({ augment }) => unless(augment === 'shift', 'augment', `augment is ${augment}`),
  views: ({ augment }) => unless(augment !== 'none', 'augment', 'augment is none'),
  limitSamples: 'always',
  devices: 'always',
  kernels: 'always',
  precision: 'always',
  epochs: ({ steps }) => unless(steps === undefined, 'steps', `steps is ${steps}, which says how long to train`),
  steps: 'always',
  batch: 'always',
  microBatch: 'always',
  seed: 'always',
  lr: 'always',
  lrSchedule: 'always',
  lrFloor: rateScheduleReads('lrFloor'),
  lrDecay: rateScheduleReads('lrDecay'),
  warmup: 'always',
  optimizer: 'always',
  weightDecay: optimizerReads('weightDecay'),
  beta1: optimizerReads('beta1'),
  beta2: optimizerReads('beta2'),
  epsilon: optimizerReads('epsilon'),
  rho: optimizerReads('rho'),
  momentum: optimizerReads('momentum'),
  nesterov,
  labelSmoothing: 'always',
  layerDecay: 'always',
  ema: 'always',
  clip: 'always',
  freeze: 'always',
  freezeAlpha: policyReads('alpha'),
  freezePercentile: policyReads('percentile'),
  freezeStart: policyReads('start'),
  freezeBudget: policyReads('budget'),
  // The gradient norms that every run records for a replay are summed up over it.
  freezeInterval: 'always',
  freezeSchedule: policyReads('schedule'),
  freezeMax: frozen,
  guard: frozen,
  guardEvery: guarded,
  guardSamples: guarded,
  guardTolerance: guarded,
  guardCooldown: guarded,
  grow: 'always',
  growFrom: ({ grow }) => unless(grow === 'auto', 'grow', `grow is ${grow}`),
  growBy: ({ grow }) => unless(grow !== 'none', 'grow', 'nothing grows: grow is none'),
  pipeline: 'always',
  replicas: 'always',
  dp: 'always',
  partition: stages,
  schedule: stages,
  replan: 'always',
  recompute: 'always',
  memoryLimit: 'always',
  poolMb: 'always',
  cache: 'always',
  cacheMb: cached,
  cacheCodec: cached,
  cacheDiskMb: cached,
  cacheDir: diskCached,
  verifyCache: cached,
  exact: 'always',
  evalEvery: 'always',
  memoryDir: 'always',
  targetMetric: 'always',
  metrics: 'always',
  breakdown: 'always',
  out: 'always',
  maxRestarts: 'always',
  checkpointEvery: 'always',
  keep: 'always',
  keepBest: 'always',
  patience: 'always',
  port: ({ listen }) => unless(listen === '', 'listen', `listen is ${listen}, which names a port`),
  tlsCert: 'always',
  tlsKey: 'always',
  programCache: 'always',
  programCacheMb: ({ programCache }) => unless(programCache !== 'off', 'programCache', 'program-cache is off'),
  costs: 'always',
  listen: 'always',
  transport: 'always',
  heartbeatSeconds: 'always',
  stepTimeoutSeconds: 'always',
};

/** Values that ask for nothing: whoever writes them misses nothing where nobody reads them. */
const NO_WISHES: readonly unknown[] = [undefined, false, '', 'off', 'auto', 'never'];

/** The settings that ask for something and that nobody reads, in the order of the table. */
export function idleSettings(config: TrainConfig): IdleSetting[] {
  return (Object.keys(SETTING_READERS) as Name[]).flatMap((name) => {
    const reader = SETTING_READERS[name];
    if (reader === 'always' || NO_WISHES.includes(config[name])) return [];
    const idle = reader(config);
    return idle === null ? [] : [{ name, ...idle }];
  });
}

/** A configuration in which every setting that is not required has its default. */
const DEFAULTS: Readonly<Partial<TrainConfig>> = trainConfigSchema.parse({ model: '-', data: '-' });

/** Whether a setting has another value than its default: somebody has set it. */
export const isSet = (config: TrainConfig, name: Name): boolean => config[name] !== DEFAULTS[name];
