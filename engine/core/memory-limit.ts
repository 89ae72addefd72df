// MemoryLimit: how many bytes a worker may use for training, as asked for or as the machine has them. It limits what
// the planner counts (parameters, gradients, optimizer state, activations), not what the runtime itself needs, and it
// enforces nothing while training.
import { allowance } from './allowance.js';
import { UsageError } from './errors.js';
import { present } from './invariant.js';

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** What a configuration may hold: `auto`, or a number with an optional suffix. */
export const MEMORY_LIMIT_PATTERN = /^(auto|\d+(\.\d+)? ?([kmgt]i?)?b?)$/i;

/**
 * Bytes of a text such as 512MB (powers of 1000), 1.5GiB (powers of 1024) or 800000; null for `auto`. Throws a
 * UsageError for 0.
 */
export function parseMemoryLimit(text: string): number | null {
  if (text.toLowerCase() === 'auto') return null;
  const [, number = '', suffix = ''] = present(
    /^([\d.]+) ?([kmgt]i?)?b?$/i.exec(text) ?? undefined,
    `memory limit ${text}`,
  );
  const bytes = Math.floor(Number(number) * present(FACTORS[suffix.toLowerCase()], `suffix ${suffix}`));
  if (bytes < 1)
    throw new UsageError(
      'PT_MEMORY_LIMIT',
      `--memory-limit ${text} is ${bytes} bytes: nothing fits into that`,
      'Use a size such as 512MB or 2GiB, or auto.',
    );
  return bytes;
}

/** Memory of this machine, or of the container that this process is in. */
export const machineBytes = (): number => allowance().memory;

/** A run does without copies of its state where it must, so they get no more of the machine than this. */
const MOST_FOR_COPIES = 1 / 2;

/**
 * Bytes per worker: those asked for, or the worker's share of what the machine has beside `copyBytes` for copies of the
 * state.
 */
export function memoryLimitPerWorker(text: string, workers: number, copyBytes: number): number {
  const machine = machineBytes();
  const left = machine - Math.min(copyBytes, machine * MOST_FOR_COPIES);
  return parseMemoryLimit(text) ?? Math.floor(left / Math.max(1, workers));
}
