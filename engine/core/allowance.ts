// Allowance: how many cores and how much memory of this machine the process may use, and what holds it back. Whoever
// asks how large the machine is asks here: the answer of the system alone is that of the whole host, also inside a
// container.
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { type GroupLimits, groupLimits } from './control-groups.js';

export interface Allowance {
  /** Whole ones, at least 1: a worker on half a core would hold up all others. */
  readonly cores: number;
  readonly hostCores: number;
  /** Why they are fewer than the host has; null where they are all. */
  readonly coresBy: 'quota' | 'affinity' | null;
  /** Bytes. */
  readonly memory: number;
  readonly hostMemory: number;
  /** Whether a limit of the process's group is below what the host has. */
  readonly isMemoryLimited: boolean;
  /** Bytes that may still be taken. */
  readonly freeMemory: number;
}

/** What the system says without a look at groups. */
export interface Host {
  readonly cores: number;
  /** Cores that the process may be on. */
  readonly affinity: number;
  readonly memory: number;
  readonly freeMemory: number;
}

/** Now; a limit may be changed at any time. */
export const allowance = (): Allowance =>
  allowanceOn(
    { cores: cpus().length, affinity: availableParallelism(), memory: totalmem(), freeMemory: freemem() },
    groupLimits(),
  );

/** Bytes that may still be taken: the one number of an allowance that changes all the time. */
export const freeMemory = (): number => Math.min(freemem(), groupLimits().freeMemory);

/** What limits leave of a host. */
export function allowanceOn(host: Host, { quota, cpuset, memory, freeMemory }: GroupLimits): Allowance {
  const affinity = Math.min(host.affinity, cpuset);
  const cores = Math.max(1, Math.min(affinity, Math.floor(quota)));
  // Some containers hide the rest of the host.
  const hostCores = Math.max(host.cores, host.affinity);
  const isMemoryLimited = memory < host.memory;
  return {
    cores,
    hostCores,
    coresBy: quota < affinity ? 'quota' : affinity < hostCores ? 'affinity' : null,
    memory: Math.min(memory, host.memory),
    hostMemory: host.memory,
    isMemoryLimited,
    freeMemory: Math.min(host.freeMemory, freeMemory),
  };
}

const HELD_BY = { quota: 'the quota of its control group', affinity: 'its affinity mask' } as const;

/** In words: `64 cores`, or `2 of 64 cores by the quota of its control group`. */
export function coresText({ cores, hostCores, coresBy }: Allowance): string {
  const count = (number: number): string => `${number} ${number === 1 ? 'core' : 'cores'}`;
  return coresBy === null ? count(cores) : `${cores} of ${count(hostCores)} by ${HELD_BY[coresBy]}`;
}
