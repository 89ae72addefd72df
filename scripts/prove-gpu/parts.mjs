// The parts of the proof that compute with our side alone: conformance, equal bits, an elastic run.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '../lab/json.mjs';
import { MAIN, ROOT, started } from '../lab/pipetrain.mjs';
import { eventsOf, trained } from './ours.mjs';

/**
 * @typedef {object} Finding
 * @property {'ok' | 'FAILED' | 'skipped'} verdict
 * @property {string} text
 */

/** What a part needs to know. @typedef {{ device: string, folder: string, seconds: number }} Place */

/** A process that must end within its seconds; null where it does not. */
async function within(
  /** @type {readonly string[]} */ args,
  /** @type {number} */ seconds,
  /** @type {NodeJS.ProcessEnv} */ env,
) {
  /** @type {string[]} */
  const lines = [];
  const { child, ended } = started(process.execPath, args, { env, onLine: (line) => lines.push(line) });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, seconds * 1000);
  const { end, errors } = await ended;
  clearTimeout(timer);
  return { end, lines, errors, isLate };
}

const SUITE = 'test/tensor/libtorch-executor.test.ts';

/**
 * The conformance suite that all executors share, every op and every gradient.
 * @param {Place} place
 * @returns {Promise<Finding>}
 */
export async function conformance({ device, seconds }) {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  if (!existsSync(vitest)) return { verdict: 'skipped', text: 'vitest is not installed beside the checkout' };
  const env = { ...process.env, PIPETRAIN_TEST_TORCH_DEVICE: device === 'torch-cuda' ? 'cuda' : 'cpu' };
  const { end, lines, isLate } = await within([vitest, 'run', SUITE], seconds, env);
  const plain = lines.map((line) => line.replace(/\u001b\[[\d;]*m/g, ''));
  const counts = plain.findLast((line) => /^ *Tests /.test(line))?.trim() ?? 'no tests counted';
  if (isLate) return { verdict: 'skipped', text: `not done after ${seconds.toFixed(0)} s` };
  if (!/ (passed|failed)/.test(counts))
    return { verdict: 'skipped', text: plain.find((line) => /skipped: /.test(line)) ?? counts };
  const text = counts.replace(/^Tests +/, '');
  if (end === 0) return { verdict: 'ok', text };
  const failed = plain.flatMap((line) => line.match(/^ *× (.*)/)?.[1] ?? []);
  const again = `PIPETRAIN_TEST_TORCH_DEVICE=${env.PIPETRAIN_TEST_TORCH_DEVICE} npx vitest run ${SUITE}`;
  return { verdict: 'FAILED', text: [text, ...failed.slice(0, 10), `again: ${again}`].join('\n    ') };
}

const SMALL_GPT = [
  ...['--model', 'gpt', '--model-options', 'layers=2,width=32,heads=2'],
  ...['--data', 'synthetic:text', '--data-options', 'sequence=32'],
];

/**
 * Equal bits in every shape, through the cache, a resume and a kill; all workers on the devices that there are.
 * @param {Place & { precision: string, steps: number }} place
 * @returns {Promise<Finding>}
 */
export async function equalBits({ device, precision, seconds, steps }) {
  const args = [
    ...['verify', ...SMALL_GPT, '--batch', '8', '--micro-batch', '2', '--steps', String(steps)],
    ...['--precision', precision, '--json'],
  ];
  const { lines, errors, isLate } = await within([MAIN, ...args, '--devices', `${device}:1`], seconds, process.env);
  if (isLate) return { verdict: 'skipped', text: `not done after ${seconds.toFixed(0)} s` };
  const results = /** @type {{ name: string, verdict: string, note: string }[] | null} */ (
    lines.length === 0 ? null : parseJson(lines.join('\n'))
  );
  if (results === null) return { verdict: 'FAILED', text: errors.split('\n')[0] ?? 'no answer' };
  const equal = results.filter(({ verdict }) => verdict === 'equal').length;
  const others = results.filter(({ verdict }) => verdict !== 'equal' && verdict !== 'reference');
  return {
    verdict: others.some(({ verdict }) => verdict === 'different') || equal === 0 ? 'FAILED' : 'ok',
    text: [
      `${equal} of ${equal + others.length} trials have the bits of one device`,
      ...others.map(({ name, verdict, note }) => `${name}: ${verdict}, ${note}`),
    ].join('; '),
  };
}

/**
 * A run whose layers freeze, whose shape changes, whose cache is read, and one of whose workers is killed.
 * @param {Place & { steps: number }} place
 * @returns {Promise<Finding>}
 */
export async function elastic({ device, folder, seconds, steps }) {
  let isKilled = false;
  /** @type {number[]} */
  const workers = [];
  const args = [
    ...[...SMALL_GPT, '--batch', '16', '--micro-batch', '4', '--limit-samples', '32', '--steps', String(steps)],
    ...['--devices', `${device}:2`, '--pipeline', '2', '--dp', 'auto', '--cache', 'auto', '--eval-every', 'never'],
    ...['--freeze', 'manual', '--freeze-schedule', `${Math.floor(steps / 4)}:1,${Math.floor(steps / 2)}:2`],
  ];
  const { events, error, isLate } = await trained(args, folder, seconds, (event) => {
    if (event.type === 'worker.joined') workers.push(event.pid);
    if (event.type !== 'step' || isKilled || event.step < (3 * steps) / 4) return;
    isKilled = true;
    const pid = workers.at(-1);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  });
  if (error !== null) return { verdict: isLate ? 'skipped' : 'FAILED', text: error };
  const ms = (/** @type {number} */ inSeconds) => `${(inSeconds * 1000).toFixed(0)} ms`;
  const recovered = eventsOf(events, 'recovered');
  const taken = eventsOf(events, 'step');
  const hits = taken.reduce((sum, { cacheHits }) => sum + cacheHits, 0);
  const asked = taken.reduce((sum, { cacheHits, cacheMisses }) => sum + cacheHits + cacheMisses, 0);
  const transitions = eventsOf(events, 'transition').map(
    ({ from, to, seconds: took }) => `${from.K}x${from.R} to ${to.K}x${to.R} in ${ms(took)}`,
  );
  return {
    verdict: recovered.length > 0 && hits > 0 ? 'ok' : 'FAILED',
    text: [
      `transitions: ${transitions.join(', ') || 'none'}`,
      recovered.length === 0
        ? 'the kill was not noticed'
        : `worker killed, recovered in ${ms(recovered[0]?.seconds ?? 0)}`,
      `cache: ${hits} of ${asked} samples read`,
    ].join('; '),
  };
}
