// FuzzRun: what all parts of the fuzzing share: the frames to damage, the dice, the memory, and what failed.
import { stopwatch } from '../lab/stopwatch.mjs';
import { Dice, mutate, wholeFrames } from './mutations.mjs';

/** What the allocator may keep; a leak of a hundred bytes per frame would be more. */
const MEMORY_SLACK_MB = 96;

/** @param {unknown} error */
export const textOf = (error) => (error instanceof Error ? (error.stack ?? error.message) : String(error));

const memoryMb = () => {
  globalThis.gc?.();
  return process.memoryUsage.rss() / 2 ** 20;
};

export class FuzzRun {
  /** @type {string[]} */
  failures = [];
  say = stopwatch().say;
  dice;
  #corpus = /** @type {readonly Uint8Array[]} */ ([]);
  #isWhole = (/** @type {Uint8Array} */ _bytes) => false;

  /** @param {number} seed */
  constructor(seed) {
    this.dice = new Dice(seed);
  }

  /** The whole frames that are damaged. @param {readonly Uint8Array[]} corpus */
  setCorpus(corpus) {
    this.#corpus = corpus;
    this.#isWhole = wholeFrames(corpus);
  }

  /** A frame that is really damaged. */
  damaged() {
    for (;;) {
      const { kind, bytes } = mutate(this.dice, this.#corpus);
      if (!this.#isWhole(bytes)) return { kind, bytes };
    }
  }

  /** Bytes damaged as frames are; they may by chance be whole. @param {readonly Uint8Array[]} whole */
  mutated(whole) {
    return mutate(this.dice, whole).bytes;
  }

  /** Watches the memory of this process between `begin` and `end`, which says by how much it grew. */
  memoryWatch() {
    /** @type {number | null} */
    let before = null;
    return {
      begin() {
        before ??= memoryMb();
      },
      end: () => {
        const grown = before === null ? 0 : memoryMb() - before;
        if (grown > MEMORY_SLACK_MB) this.failures.push(`memory grew by ${grown.toFixed(0)} MiB`);
        return `memory ${grown >= 0 ? '+' : ''}${grown.toFixed(0)} MiB`;
      },
    };
  }
}
