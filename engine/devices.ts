// Devices: what `--devices` names, turned into workers. It names workers; it starts none.
import { availableParallelism } from 'node:os';
import { UsageError } from './core/errors.js';

/** `auto` uses at most so many workers: more replicas of a small batch rarely pay on one machine. */
const AUTO_LIMIT = 8;

/** Worker names for a device text: `cpu:N`, or `auto` (one per core). */
export function workersOf(devices: string): string[] {
  if (devices === 'auto') return names(Math.min(AUTO_LIMIT, availableParallelism()));
  const cpu = /^cpu:(\d+)$/.exec(devices);
  if (cpu !== null) {
    const count = Number(cpu[1]);
    if (count < 1 || count > 256) throw new UsageError('PT_DEVICES', `--devices ${devices} asks for ${count} workers; 1 to 256 are possible`, 'Use --devices cpu:2, for example.');
    return names(count);
  }
  if (/^cuda:/.test(devices))
    throw new UsageError('PT_DEVICES', `--devices ${devices}: this version has no CUDA executor, only the CPU one`, 'Use --devices cpu:N.');
  throw new UsageError('PT_DEVICES', `--devices ${devices} is not understood`, 'Use cpu:N (N workers of one compute thread each) or auto.');
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);
