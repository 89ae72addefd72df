// Label: a place in the code or in its constants, known from when it is bound.
import { invariant } from '../../core/invariant.js';

export class Label {
  #offset: number | null = null;

  /** From the start of the code. */
  get offset(): number {
    invariant(this.#offset !== null, () => 'a label is used and never bound');
    return this.#offset;
  }

  bindTo(offset: number): void {
    invariant(this.#offset === null, () => `a label is bound twice, at ${this.#offset} and ${offset}`);
    this.#offset = offset;
  }
}
