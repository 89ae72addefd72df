// The command pipetrain as a process of its own: started, heard, and its end waited for.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseJson } from './json.mjs';

/** @typedef {import('#dist/engine/events/events.js').RunEvent} RunEvent */

/**
 * @typedef {object} End
 * @property {number | NodeJS.Signals} end Exit code, or the signal that ended it.
 * @property {string} errors What it wrote to the standard error.
 */

/**
 * A process that can be heard.
 * @typedef {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable,
 *   import('node:stream').Readable>} Heard
 */

/** @typedef {import('node:child_process').SpawnOptionsWithStdioTuple<'ignore', 'pipe', 'pipe'>} HeardOptions */

/**
 * Starts a command: here, on another host, in a name space.
 * @typedef {(command: string, args: string[], options: HeardOptions) => Heard} Launch
 */

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The program, as built. */
export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** @type {HeardOptions} */
const HEARD = { stdio: ['ignore', 'pipe', 'pipe'] };

/** @type {Launch} */
const launchHere = (command, args, options) => spawn(command, args, options);

/**
 * Hears a process line by line until it ends.
 * @param {Heard} child
 * @param {(line: string) => void} onLine
 * @returns {Promise<End>}
 */
export function heard(child, onLine) {
  let errors = '';
  child.stderr.on('data', (/** @type {Buffer} */ chunk) => (errors += chunk.toString()));
  createInterface({ input: child.stdout }).on('line', onLine);
  return new Promise((resolve) =>
    child.once('close', (code, signal) => resolve({ end: signal ?? code ?? Number.NaN, errors })),
  );
}

/**
 * Starts the command with `--json` and calls `onEvent` with every event and the process id.
 * @param {readonly string[]} args
 * @param {{ onEvent?: (event: RunEvent, pid: number) => void, launch?: Launch, env?: NodeJS.ProcessEnv }} [options]
 * @returns {{ child: Heard, ended: Promise<End> }}
 */
export function pipetrain(args, { onEvent = () => undefined, launch = launchHere, env = process.env } = {}) {
  const child = launch(process.execPath, [MAIN, ...args, '--json'], { ...HEARD, env });
  const ended = heard(child, (line) => onEvent(/** @type {RunEvent} */ (parseJson(line)), child.pid ?? 0));
  return { child, ended };
}

/**
 * Starts a process that is heard.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ launch?: Launch, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void }} [options]
 * @returns {{ child: Heard, ended: Promise<End> }}
 */
export function started(command, args, { launch = launchHere, env = process.env, onLine = () => undefined } = {}) {
  const child = launch(command, [...args], { ...HEARD, env });
  return { child, ended: heard(child, onLine) };
}
