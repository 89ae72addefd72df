// SignalWindow: what a freeze policy looks at, gathered from one decision to the next: the gradient norm of every
// block. It keeps sums, not history, and decides nothing.
import { invariant } from '../engine/core/invariant.js';

/** The state of a window, for checkpoints. */
export interface SignalState {
  readonly sums: readonly number[];
  readonly steps: number;
}

/** The window's answer: per block the root of the mean over its steps of the squared gradient norm. */
export interface Signals {
  readonly norms: readonly number[];
  readonly steps: number;
}

/**
 * Collects gradient norms per block. The root mean square is used, so that the length of the interval does not matter
 * and one figure combines blocks and steps alike: it is the norm of all gradients of the interval, divided by the root
 * of the number of steps.
 */
export class SignalWindow {
  #sums: number[];
  #steps: number;

  /** An empty window, or one that goes on from a checkpoint. */
  constructor(numBlocks: number, state?: SignalState) {
    this.#sums = state === undefined ? new Array<number>(numBlocks).fill(0) : [...state.sums];
    this.#steps = state?.steps ?? 0;
    invariant(
      this.#sums.length === numBlocks,
      () => `signals of ${this.#sums.length} blocks for a model of ${numBlocks}`,
    );
  }

  /** The gradient norm of every block in one step, in block order; 0 for frozen blocks. */
  add(stepNorms: readonly number[]): void {
    invariant(
      stepNorms.length === this.#sums.length,
      () => `${stepNorms.length} gradient norms for ${this.#sums.length} blocks`,
    );
    this.#sums = this.#sums.map((sum, b) => sum + (stepNorms[b] as number) ** 2);
    this.#steps++;
  }

  /** The norms since the last call; the window is empty afterwards. All norms are 0 where there was no step. */
  take(): Signals {
    const signals = { norms: this.#sums.map((sum) => Math.sqrt(sum / Math.max(1, this.#steps))), steps: this.#steps };
    this.#sums.fill(0);
    this.#steps = 0;
    return signals;
  }

  /** What a checkpoint needs to go on as if never stopped. */
  save(): SignalState {
    return { sums: [...this.#sums], steps: this.#steps };
  }
}
