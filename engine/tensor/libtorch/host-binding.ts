// HostBinding: a program of libtorch tied to memory of the host. Where the device is the processor, tensors lie over
// that memory; otherwise what crosses is copied. It knows nothing of how the program computes.
import { invariant } from '../../core/invariant.js';
import type { BoundProgram } from '../executor.js';
import { addressOf } from '../native.js';
import { type HostTensor, portTensors } from '../port-tensors.js';
import type { Program } from '../program.js';
import { dtypeOf, type HostArray } from '../shape.js';
import type { Aten } from './aten.js';
import type { Handle } from './tensors.js';

/** A program that computes tensors from tensors. */
export interface TensorProgram {
  readonly program: Program;
  /** Throws a ModelError (PT_EXECUTOR) where an index that comes in by a port lies outside of its axis. */
  checkIndices(inputs: readonly HostArray[]): void;
  /**
   * The tensors of the output ports, which are the caller's, for those of the input ports, which stay the caller's. An
   * output may share the memory of an input or of another output. `into` has memory for each output that may be written
   * while it is computed, else null; an output that was written there is returned as just that.
   */
  compute(inputs: readonly Handle[], into: readonly (Handle | null)[]): Handle[];
}

export class HostBinding implements BoundProgram {
  readonly #program: TensorProgram;
  readonly #aten: Aten;
  readonly #onFree: () => void;
  readonly #inputs: readonly HostArray[];
  readonly #from: readonly Handle[];
  readonly #to: readonly Handle[];
  /** Whether writing an output could change what another one is read from. */
  readonly #overlaps: boolean;
  /** Memory that may be written while results are computed. */
  readonly #into: readonly (Handle | null)[];
  #freed = false;

  constructor(
    program: TensorProgram,
    aten: Aten,
    inputs: readonly HostArray[],
    outputs: readonly HostArray[],
    onFree: () => void,
  ) {
    const { name, inputs: inputPorts, outputs: outputPorts } = program.program;
    const from = portTensors(`${name}: inputs`, inputPorts, inputs);
    const to = portTensors(`${name}: outputs`, outputPorts, outputs);
    const over = ({ data, dims }: HostTensor): Handle => aten.tensors.over(data, dims, dtypeOf(data));
    this.#program = program;
    this.#aten = aten;
    this.#onFree = onFree;
    this.#inputs = inputs;
    this.#from = from.map(over);
    this.#to = to.map(over);
    const isHost = aten.tensors.library.device.type === 'cpu';
    this.#overlaps = outputs.some((output) => inputs.some((input) => isOverlapping(input, output)));
    this.#into = this.#to.map((handle) => (isHost && !this.#overlaps ? handle : null));
  }

  run(): void {
    invariant(!this.#freed, () => `${this.#program.program.name}: the binding is freed`);
    const program = this.#program;
    const { tensors } = this.#aten;
    program.checkIndices(this.#inputs);
    const isHost = tensors.library.device.type === 'cpu';
    const from = isHost ? this.#from : this.#from.map((handle) => tensors.keep(tensors.toDevice(handle)));
    try {
      this.#leave(program.compute(from, this.#into));
    } finally {
      if (!isHost) for (const handle of from) tensors.delete(handle);
    }
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const handle of [...this.#from, ...this.#to]) this.#aten.tensors.delete(handle);
    this.#onFree();
  }

  /** Writes the results where the caller wants them. */
  #leave(results: readonly Handle[]): void {
    const { tensors } = this.#aten;
    // All are read before the first is written: an output may be bound to the memory of an input, and be that input.
    const read = this.#overlaps ? results.map((handle) => tensors.keep(tensors.clone(handle))) : results;
    read.forEach((handle, i) => {
      const to = this.#to[i] as Handle;
      if (handle === to) return;
      tensors.copyInto(to, handle);
      tensors.delete(handle);
    });
    if (this.#overlaps) for (const handle of results) tensors.delete(handle);
  }
}

function isOverlapping(a: HostArray, b: HostArray): boolean {
  const [from, to] = [addressOf(a), addressOf(b)];
  return from < to + BigInt(b.byteLength) && to < from + BigInt(a.byteLength);
}
