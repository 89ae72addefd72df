// Devices: what `--devices` names, turned into workers and the executor that they use. It names workers; it starts
// none.
import { availableParallelism } from 'node:os';
import { UsageError } from '../core/errors.js';
import { EXECUTOR_KINDS, type ExecutorKind } from '../tensor/executor-kind.js';
import { missingForKernels } from '../tensor/jit/cpu-features.js';
import { findExecutor } from '../tensor/open-executor.js';

/** `auto` uses at most so many workers: more replicas of a small batch rarely pay on one machine. */
const AUTO_LIMIT = 8;
const MOST_WORKERS = 256;

interface Devices {
  readonly executor: ExecutorKind;
  readonly count: number;
}

/**
 * Worker names for a device text: `cpu:N`, `cuda:N`, `tfjs-cpu:N` and its like, or `auto` (one per core). Throws a
 * UsageError (PT_DEVICES) where this machine has no such device.
 */
export function workersOf(devices: string): string[] {
  const { executor, count } = parsed(devices);
  findExecutor(executor);
  return Array.from({ length: count }, (_, i) => `w${i}`);
}

/** The executor that the workers of a device text use. */
export const executorOf = (devices: string): ExecutorKind => parsed(devices).executor;

/** Whether the workers of a run compute with our kernels, seen from this machine. */
export const hasKernels = ({
  devices,
  kernels,
}: {
  readonly devices: string;
  readonly kernels: 'auto' | 'off';
}): boolean => kernels === 'auto' && executorOf(devices) === 'ort-cpu' && missingForKernels() === null;

/** Which of several equal devices a worker owns, from 0. Workers that replace lost ones go on counting, and share. */
export const deviceNumberOf = (devices: string, worker: string): number =>
  (Number(/\d+$/.exec(worker)?.[0]) || 0) % parsed(devices).count;

function parsed(devices: string): Devices {
  if (devices === 'auto') return { executor: 'ort-cpu', count: Math.min(AUTO_LIMIT, availableParallelism()) };
  const [, name, digits] = /^([a-z-]+):(\d+)$/.exec(devices) ?? [];
  const executor =
    name === 'cpu' || name === 'cuda' ? (`ort-${name}` as const) : EXECUTOR_KINDS.find((kind) => kind === name);
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
