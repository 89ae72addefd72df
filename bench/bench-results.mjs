// Where a benchmark writes its results: beside its script, where they are kept with the code, or elsewhere. A smoke run
// only shows that the benchmark still runs: its sizes are tiny, its numbers mean nothing, and it keeps none.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Options that all benchmarks have, for `parseArgs`. */
export const BENCH_OPTIONS = /** @type {const} */ ({
  /** Folder for the results. */
  results: { type: 'string' },
  /** Tiny sizes; without --results nothing is written. */
  smoke: { type: 'boolean', default: false },
});

export class BenchResults {
  /** @type {string | null} */
  #folder;

  /**
   * @param {string} beside The folder of the benchmark.
   * @param {{ results?: string | undefined, smoke: boolean }} options
   */
  constructor(beside, { results, smoke }) {
    this.#folder = results !== undefined ? resolve(results) : smoke ? null : beside;
    if (this.#folder !== null) mkdirSync(this.#folder, { recursive: true });
  }

  /** Path of a file of the results, or null where nothing is kept. @param {string} name */
  pathOf(name) {
    return this.#folder === null ? null : join(this.#folder, name);
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  write(name, text) {
    const path = this.pathOf(name);
    if (path !== null) writeFileSync(path, text);
  }
}

/** A page that is printed while it is written. */
export class Page {
  /** @type {string[]} */
  #lines = [];

  /** Adds a line. */
  say(line = '') {
    this.#lines.push(line);
    console.log(line);
  }

  text() {
    return `${this.#lines.join('\n')}\n`;
  }
}
