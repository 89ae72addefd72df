// Our side: whole runs of the command, and what their events tell of steps and memory.
import { join } from 'node:path';
import { pipetrain } from '../lab/pipetrain.mjs';

/** @typedef {import('#dist/engine/events/events.js').RunEvent} RunEvent */

/**
 * @typedef {object} Run
 * @property {RunEvent[]} events
 * @property {string | null} error Why it failed; null where it did not.
 * @property {boolean} isLate Whether it was stopped because its time was over.
 */

/**
 * One run, ended at the latest after `seconds`.
 * @param {readonly string[]} args
 * @param {string} folder
 * @param {number} seconds
 * @param {(event: RunEvent) => void} [onEvent]
 * @returns {Promise<Run>}
 */
export async function trained(args, folder, seconds, onEvent = () => undefined) {
  /** @type {RunEvent[]} */
  const events = [];
  const out = join(folder, `run-${performance.now().toFixed(0)}`);
  const { child, ended } = pipetrain(['train', ...args, '--out', out], {
    onEvent: (event) => {
      events.push(event);
      onEvent(event);
    },
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGTERM');
  }, seconds * 1000);
  const { end, errors } = await ended;
  clearTimeout(timer);
  const error = isLate
    ? `stopped after ${seconds.toFixed(0)} s`
    : end === 0
      ? null
      : (errors.split('\n').find((line) => line.startsWith('error')) ?? `ended with ${end}`);
  return { events, error, isLate };
}

/**
 * Events of one type.
 * @template {RunEvent['type']} Type
 * @param {readonly RunEvent[]} events
 * @param {Type} type
 */
export const eventsOf = (events, type) =>
  /** @type {Extract<RunEvent, { type: Type }>[]} */ (events.filter((event) => event.type === type));
