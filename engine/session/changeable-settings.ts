// ChangeableSettings: what may be otherwise when a run goes on.
import type { ConfigName } from '../run/setting-keys.js';

/**
 * What may be different from before: how long the run is, and what changes its shape and speed and never its result.
 * Model and data are the same ones, by their digests, from where they lie now.
 */
export const CHANGEABLE: readonly ConfigName[] = [
  'epochs',
  'steps',
  'model',
  'data',
  'dataOptions',
  'devices',
  'pipeline',
  'replicas',
  'dp',
  'partition',
  'schedule',
  'cache',
  'cacheMb',
  'cacheDiskMb',
  'cacheDir',
  'verifyCache',
  'checkpointEvery',
  'keep',
  'maxRestarts',
  'stepTimeoutSeconds',
  'heartbeatSeconds',
  'port',
  'listen',
  'tlsCert',
  'tlsKey',
  'memoryDir',
  'programCache',
  'programCacheMb',
  'breakdown',
];
