// The machine that something is measured on, in words for the page of the results.
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { parseJson } from './json.mjs';
import { ROOT } from './pipetrain.mjs';

/** Processors, memory and system. */
export const machine = () =>
  `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ` +
  `${type()} ${release()}`;

/** The same with the version of Node. */
export const machineAndNode = () => `${machine()}, Node ${process.version}`;

/** Load over 1, 5 and 15 minutes. */
export const loads = () =>
  loadavg()
    .map((value) => value.toFixed(1))
    .join(', ');

/**
 * The version of a package that is installed here; of pipetrain without a name.
 * @param {string} [name]
 * @returns {string}
 */
export function versionOf(name) {
  const folder = name === undefined ? ROOT : join(ROOT, 'node_modules', name);
  const manifest = /** @type {{ version: string }} */ (parseJson(readFileSync(join(folder, 'package.json'), 'utf8')));
  return manifest.version;
}

/** Milliseconds of processor time that this process has used, on all its threads. */
export function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The largest resident set that this process had, in MB. */
export const peakMb = () => process.resourceUsage().maxRSS / 1024;
