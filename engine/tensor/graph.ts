// Graph: what a trace produces. Nodes are calls of defined ops (see ops/), values are symbolic tensors. Pure data that
// can be cut, stitched, lowered to ONNX or replayed; it holds no tensor except small literals.
import type { DType, Shape } from './shape.js';

/** Identity of a value inside one graph. */
export type ValueId = number;

/** Attributes of a call, as TensorFlow.js kernels receive them. */
export type Attrs = Readonly<Record<string, unknown>>;

export interface Value {
  readonly id: ValueId;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One call of an op. `op` is the kernel name under which the op table defines it. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  readonly attrs: Attrs;
  /**
   * What part of a model the call belongs to, for messages, e.g. `block 3 (layer2)`; absent in a graph that stands
   * alone. It says nothing about what is computed.
   */
  readonly origin?: string;
}

/** A value known at trace time (a scalar such as an epsilon, or a small table). */
export interface Literal {
  readonly id: ValueId;
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/**
 * Nodes in an order in which every input is defined before its use. `values` is indexed by ValueId. A value is a graph
 * input when it is neither a literal nor the output of a node.
 */
export interface Graph {
  readonly values: readonly Value[];
  readonly literals: readonly Literal[];
  readonly nodes: readonly Node[];
}
