// Machine checks: what a machine must have to train, measured. The doctor command prints them.
import { statfsSync } from 'node:fs';
import { type Allowance, allowance, coresText, freeMemory } from '../../engine/core/allowance.js';
import { toErrorRecord } from '../../engine/core/errors.js';
import { bytes } from '../text/format.js';
import { executorFindings } from './executor-findings.js';
import { memoryText } from './memory-text.js';

export interface MachineCheck {
  readonly name: string;
  readonly isFine: boolean;
  readonly found: string;
  /** What to do where it is not fine. */
  readonly remedy: string;
}

const NODE_MAJOR = 20;
/** Less than a small model with two workers takes. */
const MEMORY_BYTES = 1e9;
const SHARED_BYTES = 256e6;

export async function machineChecks(): Promise<MachineCheck[]> {
  return [
    nodeCheck(process.versions.node),
    platformCheck(),
    coresCheck(allowance()),
    memoryCheck(allowance()),
    await sharedMemoryCheck(),
    await runtimeCheck(),
    await gpuCheck(),
    await executorsCheck(),
  ];
}

export function nodeCheck(version: string): MachineCheck {
  const major = Number(version.split('.')[0]);
  return { name: 'Node', isFine: major >= NODE_MAJOR, found: version, remedy: `install Node ${NODE_MAJOR} or newer` };
}

function platformCheck(): MachineCheck {
  const isFine = process.platform === 'linux' || process.platform === 'darwin';
  return {
    name: 'system',
    isFine,
    found: `${process.platform} ${process.arch}`,
    remedy: 'workers share memory on Linux and macOS; use a Linux container here',
  };
}

export function coresCheck(allowed: Allowance): MachineCheck {
  return {
    name: 'cores',
    isFine: true,
    found: `${coresText(allowed)}${allowed.cores === 1 ? '; two workers would share it' : ''}`,
    remedy: '',
  };
}

export function memoryCheck(allowed: Allowance): MachineCheck {
  const { freeMemory } = allowed;
  return {
    name: 'memory',
    isFine: freeMemory >= MEMORY_BYTES,
    found: `${bytes(freeMemory)} free, of ${memoryText(allowed)}`,
    remedy:
      (allowed.isMemoryLimited ? 'raise the limit of the container, or ' : '') +
      `free some; less than ${bytes(MEMORY_BYTES)} is little for two workers`,
  };
}

async function sharedMemoryCheck(): Promise<MachineCheck> {
  const { sharedMemoryFolder } = await import('../../engine/tensor/mapped-file.js');
  const folder = sharedMemoryFolder();
  const { bavail, bsize } = statfsSync(folder);
  // What lies there is memory of the group, too.
  const free = Math.min(bavail * bsize, freeMemory());
  return {
    name: 'shared memory',
    isFine: free >= SHARED_BYTES,
    found: `${bytes(free)} free in ${folder}`,
    remedy: 'enlarge it (containers: --shm-size=2g; else: mount -o remount,size=8G /dev/shm)',
  };
}

async function runtimeCheck(): Promise<MachineCheck> {
  const name = 'ONNX Runtime';
  try {
    const { openExecutor } = await import('../../engine/tensor/open-executor.js');
    const executor = openExecutor({ threads: 1 });
    const { name: kind, fallbackReason } = executor;
    executor.close();
    return {
      name,
      isFine: true,
      found:
        fallbackReason === null ? `computes (${kind})` : `computes, slower than it could (${kind}): ${fallbackReason}`,
      remedy: '',
    };
  } catch (error) {
    const { message, hint } = toErrorRecord(error);
    return { name, isFine: false, found: message, remedy: hint };
  }
}

/** A machine without GPUs has no problem; one whose GPUs nobody can use has one. */
async function gpuCheck(): Promise<MachineCheck> {
  const { gpuFinding } = await import('../../engine/tensor/libtorch/gpu-finding.js');
  return { name: 'GPUs', ...gpuFinding() };
}

/** Which executors work; that others are not installed is no problem of the machine. */
async function executorsCheck(): Promise<MachineCheck> {
  const findings = await executorFindings();
  const named = (isUsable: boolean): string =>
    findings
      .filter((finding) => finding.isUsable === isUsable)
      .map(({ kind }) => kind)
      .join(', ') || 'none';
  return {
    name: 'executors',
    isFine: findings.some(({ isUsable }) => isUsable),
    found: `usable: ${named(true)}; not usable: ${named(false)} ("pipetrain devices" says why)`,
    remedy: 'see "pipetrain devices"',
  };
}
