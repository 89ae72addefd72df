// A training run for a benchmark that looks at results, not at times: done once, read afterwards. Results do not depend
// on how busy the machine is or on the shape of the run, so that runs of other days and machines of the same kind may
// be compared.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EventFile } from '#dist/engine/events/event-file.js';
import { parseJson } from '../scripts/lab/json.mjs';
import { MAIN, ROOT } from '../scripts/lab/pipetrain.mjs';

/** @typedef {import('#dist/engine/events/summary.js').Summary} Summary */

/**
 * The summary of the finished run that lies in `folder`, or null.
 * @param {string} folder
 */
function finishedSummary(folder) {
  const path = join(folder, 'summary.json');
  if (!existsSync(path)) return null;
  const summary = /** @type {Summary} */ (parseJson(readFileSync(path, 'utf8')));
  return summary.status === 'finished' ? summary : null;
}

/**
 * Trains with these arguments of `pipetrain train` into `folder`, unless a finished run lies there. Its events and
 * summary.
 * @param {string} folder
 * @param {readonly string[]} args
 */
export async function trained(folder, args) {
  let summary = finishedSummary(folder);
  if (summary === null) {
    rmSync(folder, { recursive: true, force: true });
    const child = spawn(process.execPath, [MAIN, 'train', ...args, '--out', folder, '--json'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: ROOT,
    });
    /** @type {number | null} */
    const code = await new Promise((resolve) => child.once('exit', (status) => resolve(status)));
    summary = finishedSummary(folder);
    if (code !== 0 || summary === null) throw new Error(`pipetrain train ${args.join(' ')} ended with ${code}`);
    // The parameters are not needed any more, and large.
    rmSync(join(folder, 'checkpoints'), { recursive: true, force: true });
  }
  return { events: [...new EventFile(join(folder, 'events.jsonl'))], summary };
}
