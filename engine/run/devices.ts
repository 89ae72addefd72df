// Devices: what `--devices` names, turned into workers and the executor that they use. It names workers; it starts
// none.
import { allowance } from '../core/allowance.js';
import { UsageError } from '../core/errors.js';
import type { ExecutorKind } from '../tensor/executor-kind.js';
import { ortCpu } from '../tensor/executors/ort-cpu.js';
import { EXECUTORS } from '../tensor/executors/registry.js';
import { missingForKernels } from '../tensor/jit/cpu-features.js';

/** `auto` uses at most so many workers: more replicas of a small batch rarely pay on one machine. */
const AUTO_LIMIT = 8;
const MOST_WORKERS = 256;

interface Devices {
  readonly executor: ExecutorKind;
  readonly count: number;
}

/**
 * Worker names for a device text: `cpu:N`, `cuda:N`, `tfjs-cpu:N` and its like, or `auto` (one per
 * core that this process may use). Throws a
 * UsageError (PT_DEVICES) where this machine has no such device.
 */
export function workersOf(devices: string): string[] {
  const { executor, count } = parsed(devices);
  executor.find?.();
  return Array.from({ length: count }, (_, i) => `w${i}`);
}

/** Name of the executor that the workers of a device text use. */
export const executorOf = (devices: string): string => parsed(devices).executor.name;

/** The text for `count` workers on the devices that another text names. */
export const sameDevices = (devices: string, count: number): string =>
  `${shortName(parsed(devices).executor)}:${count}`;

const shortName = (kind: ExecutorKind): string => kind.shortName ?? kind.name;

/** Whether the workers of a run compute with our kernels, seen from this machine. */
export const hasKernels = ({
  devices,
  kernels,
}: {
  readonly devices: string;
  readonly kernels: 'auto' | 'off';
}): boolean => kernels === 'auto' && parsed(devices).executor.takesKernels === true && missingForKernels() === null;

/** Which of several equal devices a worker owns, from 0. Workers that replace lost ones go on counting, and share. */
export const deviceNumberOf = (devices: string, worker: string): number =>
  (Number(/\d+$/.exec(worker)?.[0]) || 0) % parsed(devices).count;

function parsed(devices: string): Devices {
  if (devices === 'auto') return { executor: ortCpu, count: Math.min(AUTO_LIMIT, allowance().cores) };
  const [, name, digits] = /^([a-z\d-]+):(\d+)$/.exec(devices) ?? [];
  const executor = EXECUTORS.all.find((kind) => kind.name === name || shortName(kind) === name);
  if (executor === undefined)
    throw new UsageError(
      'PT_DEVICES',
      `--devices ${devices} is not understood`,
      'Use cpu:N (N workers of one compute thread each) or auto; "pipetrain devices" lists what else there is.',
    );
  const count = Number(digits);
  if (count < 1 || count > MOST_WORKERS)
    throw new UsageError(
      'PT_DEVICES',
      `--devices ${devices} asks for ${count} workers; 1 to ${MOST_WORKERS} are possible`,
      'Use --devices cpu:2, for example.',
    );
  return { executor, count };
}
