// NativeUpdate: an update rule as machine code on memory of this process, all segments in one call. The bits are those
// of the rule's ONNX model.
import { AddressRecords, numericAddressOf } from './jit/address-records.js';
import type { Lanes } from './jit/cpu-features.js';
import { elementwise, recordBytes } from './jit/elementwise.js';
import { NativeRoutine } from './jit/native-routine.js';
import { addressOf } from './native.js';
import type { UpdateRule } from './update-rule.js';

/** Runs per call of machine code, where they are not known beforehand. */
const RUNS_AT_A_TIME = 512;
const WORD = BigUint64Array.BYTES_PER_ELEMENT;

/** A run of elements and the scalars that it takes, in the order of the rule. */
export interface NativeRun {
  readonly offset: number;
  readonly length: number;
  readonly scalars: Float32Array;
}

export class NativeUpdate {
  readonly #rule: UpdateRule;
  readonly #routine: NativeRoutine;

  /** `lanes` as `vectorLanes` has them. Throws where the system forbids executable memory. */
  constructor(rule: UpdateRule, lanes: Lanes) {
    this.#rule = rule;
    this.#routine = new NativeRoutine(elementwise(rule.pass, lanes));
  }

  /**
   * `vectors` are the weights, the gradients and the states, of one length; the runs lie within it. Returns what
   * updates all runs.
   */
  bind(vectors: readonly Float32Array[], runs: readonly NativeRun[]): () => void {
    const { pass } = this.#rule;
    const words = recordBytes(pass) / WORD;
    const records = new BigUint64Array(Math.max(1, words * runs.length));
    const bases = vectors.map(addressOf);
    runs.forEach(({ offset, length, scalars }, i) => {
      const at = bases.map((base) => base + BigInt(offset * Float32Array.BYTES_PER_ELEMENT));
      // In place: what is written are the weights and the states.
      const written = at.filter((_, vector) => vector !== 1);
      records.set([...at, ...written, addressOf(scalars), BigInt(length)], i * words);
    });
    const address = addressOf(records);
    const count = BigInt(runs.length);
    // The closure keeps the memory alive that the records point to.
    const held = [vectors, runs, records];
    return () => {
      if (held.length > 0) this.#routine.call(address, count);
    };
  }

  /**
   * As `bind` without the gradient, for runs that are only known when they are updated: `each` is called with what
   * updates a run of them by the gradient that begins at an address.
   */
  bindRuns(
    vectors: readonly Float32Array[],
    scalars: Float32Array,
  ): (each: (update: (offset: number, length: number, gradient: number) => void) => void) => void {
    const records = new AddressRecords(recordBytes(this.#rule.pass), RUNS_AT_A_TIME);
    const bases = vectors.map(numericAddressOf);
    const [weights = 0, ...states] = bases;
    const scalarsAt = numericAddressOf(scalars);
    // The closure keeps the memory alive that the records point to.
    const held = [vectors, scalars];
    const update = (offset: number, length: number, gradient: number): void => {
      const bytes = offset * Float32Array.BYTES_PER_ELEMENT;
      records.push(weights + bytes);
      records.push(gradient);
      for (const state of states) records.push(state + bytes);
      for (const base of bases) records.push(base + bytes);
      records.push(scalarsAt);
      records.push(length);
      if (records.isFull) records.flush(this.#routine);
    };
    return (each) => {
      if (held.length === 0) return;
      each(update);
      records.flush(this.#routine);
    };
  }

  free(): void {
    this.#routine.free();
  }
}
