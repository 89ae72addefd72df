// Runner: a measured process that takes as many steps as it is told and answers with their times.
import { spawn } from 'node:child_process';
import { type } from 'node:os';
import { createInterface } from 'node:readline';
import { parseJson } from '../../scripts/lab/json.mjs';
import { succeeds } from './python.mjs';

/** @typedef {{ wall: number, cpu: number }} Times Milliseconds of wall clock and of processor. */

/**
 * The times of a step; a side that cannot tell its parts apart leaves them out.
 * @typedef {{ step: Times, forward?: Times, backward?: Times, optimizer?: Times }} StepTimes
 */

/**
 * What a side answers after its steps. `adamw`: which AdamW PyTorch's side found to be the quickest.
 * @typedef {{ steps: StepTimes[], loss: number, peakMb: number, adamw?: string }} Turn
 */

/** @typedef {{ rates: Record<string, number> }} GemmTurn GFLOP/s by size. */

/** What a side says first. @typedef {{ version: string, baseMb: number }} Greeting */

export const canPin = type() === 'Linux' && succeeds('taskset', ['--version']);
/** First steps touch memory for the first time and load code. */
const WARM_UP_STEPS = 4;

/** @template Answer What it answers to a turn. */
export class Runner {
  #child;
  #lines;

  /**
   * Pinned to the first `threads` processors where the system can.
   * @param {string} command
   * @param {readonly string[]} args
   * @param {number} threads
   * @param {Record<string, string>} [env]
   */
  constructor(command, args, threads, env = {}) {
    const pinning = canPin ? ['taskset', '-c', threads === 1 ? '0' : `0-${threads - 1}`] : [];
    const [program = command, ...rest] = [...pinning, command, ...args];
    this.#child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** @returns {Promise<unknown>} */
  async #answer() {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('a measured process ended early; its message is above');
    return parseJson(line.value);
  }

  /** Its version, the memory it needs before it has a model, and what it says of the first steps. */
  async start() {
    const said = /** @type {Greeting} */ (await this.#answer());
    return { ...said, first: await this.turn(WARM_UP_STEPS) };
  }

  /**
   * Outside its turns the process stands still: threads that spin while they wait would take the cores from the other
   * sides.
   * @param {number} steps
   */
  async turn(steps) {
    if (canPin) this.#child.kill('SIGCONT');
    this.#child.stdin.write(`${steps}\n`);
    const answer = /** @type {Answer} */ (await this.#answer());
    if (canPin) this.#child.kill('SIGSTOP');
    return answer;
  }

  kill() {
    this.#child.kill('SIGKILL');
  }

  /**
   * Ends it and waits until it is gone.
   * @returns {Promise<void>}
   */
  stop() {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return resolve();
      this.#child.once('exit', () => resolve());
      if (canPin) this.#child.kill('SIGCONT');
      this.#child.stdin.end();
    });
  }
}
