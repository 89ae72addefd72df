// ConfigKeys: the settings under the headings of `--help` and of docs/config.md, and their defaults as they are written
// there. What a setting is: engine/run/setting-keys.ts.
import { type ConfigKey, configKeys, type ConfigName, type DescribedProperty } from '../../engine/run/setting-keys.js';

/** Headings of `--help` and of docs/config.md. A setting in no group lands in the last one. */
const GROUPS: readonly { readonly title: string; readonly names: readonly ConfigName[] }[] = [
  {
    title: 'Model and data',
    names: [
      'model',
      'modelOptions',
      'initFrom',
      'initStrict',
      'initOtherProgram',
      'data',
      'dataOptions',
      'augment',
      'augmentPixels',
      'views',
      'limitSamples',
      'seed',
    ],
  },
  {
    title: 'Length',
    names: ['epochs', 'steps', 'batch', 'microBatch', 'evalEvery', 'metrics', 'targetMetric', 'patience'],
  },
  {
    title: 'Optimizer',
    names: [
      'lr',
      'lrSchedule',
      'lrFloor',
      'lrDecay',
      'warmup',
      'optimizer',
      'weightDecay',
      'beta1',
      'beta2',
      'epsilon',
      'rho',
      'momentum',
      'nesterov',
      'clip',
      'labelSmoothing',
      'layerDecay',
      'ema',
    ],
  },
  {
    title: 'Freezing',
    names: [
      'freeze',
      'freezeAlpha',
      'freezePercentile',
      'freezeStart',
      'freezeBudget',
      'freezeInterval',
      'freezeSchedule',
      'freezeMax',
      'guard',
      'guardEvery',
      'guardSamples',
      'guardTolerance',
      'guardCooldown',
    ],
  },
  { title: 'Growing', names: ['grow', 'growFrom', 'growBy'] },
  {
    title: 'Shape of the run',
    names: [
      'devices',
      'kernels',
      'precision',
      'pipeline',
      'replicas',
      'dp',
      'partition',
      'schedule',
      'replan',
      'exact',
    ],
  },
  { title: 'Memory', names: ['memoryLimit', 'recompute', 'poolMb'] },
  { title: 'Cache', names: ['cache', 'cacheMb', 'cacheCodec', 'cacheDiskMb', 'cacheDir', 'verifyCache'] },
  {
    title: 'Failures and checkpoints',
    names: ['maxRestarts', 'stepTimeoutSeconds', 'heartbeatSeconds', 'checkpointEvery', 'keep', 'keepBest'],
  },
  { title: 'Start-up', names: ['programCache', 'programCacheMb', 'costs'] },
  { title: 'Run', names: ['out', 'memoryDir', 'breakdown'] },
  { title: 'Connections', names: ['listen', 'port', 'transport', 'tlsCert', 'tlsKey'] },
];

/** Every setting once, under its heading. */
export function groupedKeys(): { readonly title: string; readonly keys: readonly ConfigKey[] }[] {
  const taken = new Set(GROUPS.flatMap(({ names }) => names));
  const rest = configKeys.filter(({ name }) => !taken.has(name));
  return [
    ...GROUPS.map(({ title, names }) => ({
      title,
      keys: names.flatMap((name) => configKeys.filter((key) => key.name === name)),
    })),
    ...(rest.length > 0 ? [{ title: 'More', keys: rest }] : []),
  ];
}

/** A default as it would be written in a file; empty where there is none. */
export function showDefault({ defaultValue }: DescribedProperty): string {
  // 1/3 is meant, not its sixteen digits.
  if (typeof defaultValue === 'number') return String(Number(defaultValue.toPrecision(6)));
  return typeof defaultValue === 'string' || typeof defaultValue === 'boolean' ? String(defaultValue) : '';
}
