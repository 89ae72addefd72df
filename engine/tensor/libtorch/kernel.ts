// Kernel: one op of the op table as calls of PyTorch's operators, made ready for one call of a graph. Gradients are ops
// of their own in a traced program, so nothing here differentiates.
import { present } from '../../core/invariant.js';
import type { Attrs } from '../graph.js';
import type { TensorSpec } from '../ops/definition.js';
import { at } from '../ops/shapes.js';
import type { Aten } from './aten.js';
import type { Handle } from './tensors.js';

/**
 * Computes the outputs of a call from its inputs, which are borrowed. An output may be an input, or the same memory in
 * another layout. `into` is memory of the first output's shape and type where that may be written, else null; a kernel
 * that writes there returns it, others may pass over it.
 */
export type Kernel = (inputs: readonly Handle[], into: Handle | null) => Handle | readonly Handle[];

/** A call of a graph: what is known of it before its tensors are. */
export class Call {
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Constants of the call, which live as long as its program. */
  readonly constants: Handle[] = [];
  readonly #aten: Aten;

  constructor(aten: Aten, op: string, attrs: Attrs, inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]) {
    this.#aten = aten;
    this.op = op;
    this.attrs = attrs;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  input(i: number): TensorSpec {
    return at(this.inputs, i);
  }

  output(i: number): TensorSpec {
    return at(this.outputs, i);
  }

  /** Computes a constant of the call. */
  constant(make: () => Handle): Handle {
    const { tensors } = this.#aten;
    const made = make();
    const constant = tensors.isMade(made) ? tensors.keep(made) : tensors.duplicate(made);
    tensors.end([]);
    this.constants.push(constant);
    return constant;
  }

  /** Booleans as 0 and 1. */
  numeric(inputs: readonly Handle[], i: number): Handle {
    const x = handleAt(inputs, i);
    return this.input(i).dtype === 'bool' ? this.#aten.cast(x, 'int32') : x;
  }

  /** As 32-bit floats. */
  floating(inputs: readonly Handle[], i: number): Handle {
    const x = handleAt(inputs, i);
    return this.input(i).dtype === 'float32' ? x : this.#aten.cast(x, 'float32');
  }
}

/** Makes the kernel of a call. */
export type KernelMaker = (aten: Aten, call: Call) => Kernel;

/** Of ops, by their names. */
export type KernelTable = Readonly<Record<string, KernelMaker>>;

export const handleAt = (handles: readonly Handle[], i: number): Handle => present(handles[i], `tensor ${i}`);
