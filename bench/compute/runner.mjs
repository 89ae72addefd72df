// Runner: a measured process that takes as many steps as it is told and answers with their times.
import { spawn } from 'node:child_process';
import { type } from 'node:os';
import { createInterface } from 'node:readline';
import { succeeds } from './python.mjs';

export const canPin = type() === 'Linux' && succeeds('taskset', ['--version']);
/** First steps touch memory for the first time and load code. */
const WARM_UP_STEPS = 4;

export class Runner {
  #child;
  #lines;

  /** Pinned to the first `threads` processors where the system can. */
  constructor(command, args, threads, env = {}) {
    const [program, ...rest] = canPin
      ? ['taskset', '-c', threads === 1 ? '0' : `0-${threads - 1}`, command, ...args]
      : [command, ...args];
    this.#child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async #answer() {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('a measured process ended early; its message is above');
    return JSON.parse(value);
  }

  /** Its version, the memory it needs before it has a model, and what it says of the first steps. */
  async start() {
    const said = await this.#answer();
    return { ...said, first: await this.turn(WARM_UP_STEPS) };
  }

  /**
   * Outside its turns the process stands still: threads that spin while they wait would take the cores from the other
   * sides.
   */
  async turn(steps) {
    if (canPin) this.#child.kill('SIGCONT');
    this.#child.stdin.write(`${steps}\n`);
    const answer = await this.#answer();
    if (canPin) this.#child.kill('SIGSTOP');
    return answer;
  }

  kill() {
    this.#child.kill('SIGKILL');
  }

  /** Ends it and waits until it is gone. */
  stop() {
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return resolve();
      this.#child.once('exit', resolve);
      if (canPin) this.#child.kill('SIGCONT');
      this.#child.stdin.end();
    });
  }
}
