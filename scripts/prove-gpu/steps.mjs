// Steps of one model in one precision: a run of ours, PyTorch eager and PyTorch compiled, in turn on the same device.
import { median } from '../lab/statistics.mjs';
import { flagsOf } from './cases.mjs';
import { watchGpuMemory } from './gpu-memory.mjs';
import { eventsOf, trained } from './ours.mjs';

/** @typedef {import('./cases.mjs').Case} Case */
/** @typedef {import('./theirs.mjs').Turn} Turn */
/** @typedef {{ ms: number, mb: number | null, error?: never } | { error: string }} Side */

/** Steps of ours before those that count: programs are chosen, memory is taken, graphs are recorded. */
const WARM_UP = 5;

/**
 * @param {Case} measured
 * @param {{ device: string, precision: string, steps: number, folder: string, seconds: number }} how
 * @returns {Promise<Side>}
 */
export async function ourSteps(measured, { device, precision, steps, folder, seconds }) {
  const memory = device.startsWith('torch-cuda') ? watchGpuMemory() : null;
  const args = [
    ...flagsOf(measured, folder),
    ...['--devices', `${device}:1`, '--precision', precision, '--steps', String(WARM_UP + steps)],
    ...['--eval-every', 'never', '--checkpoint-every', 'never', '--freeze', 'none', '--cache', 'off', '--clip', '1'],
  ];
  const { events, error } = await trained(args, folder, seconds);
  const gpuMb = memory?.stop() ?? null;
  const taken = eventsOf(events, 'step');
  if (taken.length <= WARM_UP) return { error: error ?? 'no step was taken' };
  const peaks = taken.flatMap(({ peakMemory = {} }) => Object.values(peakMemory));
  return {
    ms: median(taken.slice(WARM_UP).map((step) => step.seconds * 1000)),
    mb: memory === null ? Math.max(...peaks) / 1e6 : gpuMb,
  };
}

/**
 * @param {Turn} turn
 * @returns {Side}
 */
export const theirSteps = (turn) =>
  turn.error !== undefined
    ? { error: turn.error }
    : { ms: median(turn.ms.slice(Math.floor(turn.ms.length / 4))), mb: turn.peakMb };

/**
 * The three sides in words.
 * @param {Record<'ours' | 'eager' | 'compiled', Side | null>} sides
 */
export function stepsText({ ours, eager, compiled }) {
  const one = (/** @type {string} */ name, /** @type {Side | null} */ side) => {
    if (side === null) return `${name} not run`;
    if (side.error !== undefined) return `${name} failed: ${side.error}`;
    const ratio =
      side !== ours && ours !== null && ours.error === undefined ? ` (ours ${(ours.ms / side.ms).toFixed(2)}x)` : '';
    return `${name} ${side.ms.toFixed(2)} ms${side.mb === null ? '' : `, ${side.mb.toFixed(0)} MB`}${ratio}`;
  };
  return [one('ours', ours), one('PyTorch eager', eager), one('compiled', compiled)].join('; ');
}
