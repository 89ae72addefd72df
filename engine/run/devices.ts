// Devices: what `--devices` names, turned into workers and the executors that they use. It names workers; it starts
// none.
import { allowance } from '../core/allowance.js';
import { toErrorRecord, UsageError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { ExecutorKind } from '../tensor/executor-kind.js';
import { ortCpu } from '../tensor/executors/ort-cpu.js';
import { ortCuda } from '../tensor/executors/ort-devices.js';
import { EXECUTORS } from '../tensor/executors/registry.js';
import { missingForKernels } from '../tensor/jit/cpu-features.js';
import { type CudaTorch, findCudaTorch } from '../tensor/libtorch/find-cuda-torch.js';
import { askDriver, type DriverReport } from '../tensor/libtorch/nvidia-driver.js';

/** `auto` uses at most so many workers: more replicas of a small batch rarely pay on one machine. */
const AUTO_LIMIT = 8;
const MOST_WORKERS = 256;

/** So many workers of one kind. */
interface Part {
  readonly executor: ExecutorKind;
  readonly count: number;
}

/** Named, for it is one of a machine with GPUs only. */
const torchCuda = (): ExecutorKind => EXECUTORS.get('torch-cuda');

/** What names of devices depend on; that of this machine unless a test hands in its own. */
type FindGpus = () => CudaTorch;
const findGpus: FindGpus = () => findCudaTorch();

/**
 * Worker names for a device text: `cpu:N`, `cuda:N`, `tfjs-cpu:N` and its like, several of them (`cpu:1,cuda:1`), or
 * `auto`: one per GPU, or where there is none that can be used one per core that this process may use. Throws a
 * UsageError (PT_DEVICES) where this machine has no such device.
 */
export function workersOf(devices: string): string[] {
  const parts = parsed(devices);
  for (const { executor } of parts) findEach(executor, devices);
  return Array.from({ length: countOf(parts) }, (_, i) => `w${i}`);
}

/** Names of the executors that the workers of a device text use, each once: `ort-cpu`, or `ort-cpu+torch-cuda`. */
export const executorOf = (devices: string): string => namesOf(parsed(devices)).join('+');

/** Whether workers of a device text are of several kinds. */
export const isMixed = (devices: string): boolean => namesOf(parsed(devices)).length > 1;

/** The executor of the workers that measure what blocks cost; others say how they differ from these. */
export const measuringExecutorOf = (devices: string): string => first(parsed(devices)).executor.name;

/** The text for `count` workers on the devices that another text names. */
export const sameDevices = (devices: string, count: number): string => {
  const { executor } = first(parsed(devices));
  return `${executor.shortName ?? executor.name}:${count}`;
};

/**
 * Whether the workers of a device text keep gradients of row tables by rows: not where one has memory of its own, in
 * which there are whole tables.
 */
export const keepsRows = (devices: string): boolean =>
  parsed(devices).every(({ executor }) => executor.hasMemory !== true);

/** Whether the workers of a run compute with our kernels, seen from this machine. */
export const hasKernels = ({
  devices,
  kernels,
}: {
  readonly devices: string;
  readonly kernels: 'auto' | 'off';
}): boolean =>
  kernels === 'auto' &&
  parsed(devices).some(({ executor }) => executor.takesKernels === true) &&
  missingForKernels() === null;

/**
 * The executor of a worker, and which of several equal devices it owns, from 0. Workers that replace lost ones go on
 * counting, and share.
 */
export function deviceOf(devices: string, worker: string): { readonly executor: string; readonly number: number } {
  const parts = parsed(devices);
  let number = (Number(/\d+$/.exec(worker)?.[0]) || 0) % countOf(parts);
  for (const { executor, count } of parts) {
    if (number < count) return { executor: executor.name, number };
    number -= count;
  }
  return { executor: first(parts).executor.name, number: 0 };
}

/** What bits depend on besides executor and processor; several where devices of a text differ, none for most kinds. */
export const deviceBits = (devices: string): string[] => [
  ...new Set(parsed(devices).flatMap(({ executor, count }) => executor.bitsOf?.(count) ?? [])),
];

/**
 * What of the GPUs of this machine is not used as somebody who wrote this text may believe; null where nothing is to be
 * said.
 */
export function deviceDoubt(devices: string, find = findGpus, ask: () => DriverReport = askDriver): string | null {
  const names = devices.split(',').map((part) => part.split(':', 1)[0]);
  if (!names.some((name) => name === 'auto' || name === 'cuda' || name === 'torch-cuda')) return null;
  try {
    const { length } = find().driver.gpus;
    const asked = parsed(devices, find).find(({ executor }) => executor === torchCuda())?.count ?? 0;
    return asked <= length
      ? null
      : `${asked} workers share ${length} ${length === 1 ? 'GPU' : 'GPUs'} (--devices ${devices})`;
  } catch (error) {
    const { message, hint } = toErrorRecord(error);
    const { gpus, installed } = ask();
    if (names.includes('cuda')) return `cuda is ONNX Runtime here: ${message}. ${hint}`;
    if (gpus.length === 0 && (installed ?? 0) === 0) return null;
    return `the GPUs of this machine are not used: ${message}. ${hint}`;
  }
}

const countOf = (parts: readonly Part[]): number => parts.reduce((sum, { count }) => sum + count, 0);
const namesOf = (parts: readonly Part[]): string[] => [...new Set(parts.map(({ executor }) => executor.name))];
const first = (parts: readonly Part[]): Part => present(parts[0], 'devices');

function parsed(devices: string, find = findGpus): Part[] {
  if (devices === 'auto') return [automatic(find)];
  const parts = devices.split(',').map((text) => partOf(text, devices, find));
  const count = countOf(parts);
  if (count <= MOST_WORKERS && parts.every((part) => part.count > 0)) return parts;
  throw new UsageError(
    'PT_DEVICES',
    `--devices ${devices} asks for ${count} workers; 1 to ${MOST_WORKERS} are possible`,
    'Use --devices cpu:2, for example.',
  );
}

/** The GPUs where PyTorch can use them, else the cores. */
function automatic(find: FindGpus): Part {
  const found = foundBy(find);
  if (found !== null) return { executor: torchCuda(), count: found.driver.gpus.length };
  return { executor: ortCpu, count: Math.min(AUTO_LIMIT, allowance().cores) };
}

function partOf(text: string, devices: string, find: FindGpus): Part {
  const [, name, digits] = /^([a-z\d-]+):(\d+)$/.exec(text) ?? [];
  const executor =
    name === 'cuda'
      ? foundBy(find) === null
        ? ortCuda
        : torchCuda()
      : EXECUTORS.all.find((kind) => kind.name === name || kind.shortName === name);
  if (executor === undefined)
    throw new UsageError(
      'PT_DEVICES',
      `--devices ${devices} is not understood`,
      'Use cpu:N (N workers of one compute thread each) or auto; "pipetrain devices" lists what else there is.',
    );
  return { executor, count: Number(digits) };
}

function foundBy(find: FindGpus): CudaTorch | null {
  try {
    return find();
  } catch {
    // Why is said where it matters: deviceDoubt, and `find` of the executor.
    return null;
  }
}

/** As `find` of the executor; where `cuda` was asked for and neither of its two can be had, both are named. */
function findEach(executor: ExecutorKind, devices: string): void {
  try {
    executor.find?.();
  } catch (error) {
    if (executor !== ortCuda || !/(^|,)cuda:/.test(devices)) throw error;
    let torch = toErrorRecord(error);
    try {
      findGpus();
    } catch (why) {
      torch = toErrorRecord(why);
    }
    throw new UsageError(
      'PT_DEVICES',
      `--devices ${devices} cannot be had: ${torch.message}; and ${toErrorRecord(error).message}`,
      torch.hint,
      { cause: error },
    );
  }
}
