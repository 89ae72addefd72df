// OpDefinition: everything the project knows about one op: its output shapes, its ONNX nodes, its name in caches. The
// eager backend, the trace and the lowering all read the same definition. It holds no kernel code.
import type { Attrs } from '../graph.js';
import type { KernelSpec } from '../jit/catalogue.js';
import type { OnnxAttributes, OnnxData } from '../onnx.js';
import type { DType, Shape } from '../shape.js';

/** Shape and element type of a tensor, without its data. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** A tensor inside an ONNX graph that is being written. */
export interface Operand extends TensorSpec {
  readonly name: string;
  /** The bfloat16 value that it is the widening of, element by element, if so; its shape may be another. */
  readonly half?: string;
}

/** Where ONNX nodes can be appended. */
export interface NodeWriter {
  /** Appends a node with one result and returns the result's name. */
  node(operator: string, inputs: readonly string[], attributes?: OnnxAttributes, domain?: string): string;
  /** Appends a node with two results and returns their names. */
  both(operator: string, inputs: readonly string[], attributes?: OnnxAttributes): readonly [string, string];
  /** A constant; equal constants of one program are stored once. */
  constant(dtype: 'float32' | 'int32' | 'int64' | 'bool', dims: Shape, data: OnnxData): string;
}

/** What `emit` may do: read the operands of the call and append ONNX nodes. */
export interface EmitContext extends NodeWriter {
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly attrs: Attrs;
  /** The i-th tensor input of the call. */
  input(i: number): Operand;
  /** The i-th output of the call. */
  output(i: number): Operand;
  /**
   * Appends a node whose results are outputs of the call, by index from 0; an index of null stands for a result nobody
   * needs.
   */
  finish(
    operator: string,
    inputs: readonly string[],
    attributes?: OnnxAttributes,
    domain?: string,
    outputs?: readonly (number | null)[],
  ): void;
  /** Whether `finishKernel` may be used; else there are only the runtime's operators. */
  readonly hasKernels: boolean;
  /** Whether an output is only read to be rounded to bfloat16, which a kernel may do itself. */
  isOnlyRounded(i: number): boolean;
  /**
   * Appends a call of one of our kernels that writes all outputs of the call; those in `rounds`, which are only
   * rounded, as bfloat16.
   */
  finishKernel(kernel: KernelSpec, inputs: readonly string[], rounds?: readonly number[]): void;
  /**
   * Appends nodes that run once per slice along the first axis of `stacked`, one slice after the other, without copying
   * slices: what they leave for each other stays in the cache. `write` gets the names of one slice of each and returns
   * the slice of each result, whose stacks are returned. It may read any other value by name. The i-th stack is output
   * `outputs[i]` of the call where that is given.
   */
  tiled(
    stacked: readonly Operand[],
    write: (body: NodeWriter, slices: readonly string[]) => readonly Operand[],
    outputs?: readonly number[],
  ): readonly string[];
}

/** A call that is the same as a simpler one: an input passed through, or another op. */
export type Simplification = { readonly alias: number } | { readonly op: string; readonly attrs: Attrs };

/** Where an op rounds to bfloat16 in a bf16 run; see docs/precision.md. */
export interface RoundingRule {
  /** Operands, by index. */
  readonly operands: 'all' | readonly number[];
  /** Results, by index. */
  readonly results: readonly number[];
  /** It multiplies results of its own, and rounds them before where its attribute `rounds` is set. */
  readonly inside?: true;
}

export interface OpDefinition {
  /** Kernel name, as TensorFlow.js calls it. */
  readonly name: string;
  /**
   * Names under which the kernel receives its tensors, in order (a trailing `?`: may be absent); `list` where it
   * receives an array.
   */
  readonly inputs: readonly string[] | 'list';
  /** The kernel returns a list of tensors, even of one. */
  readonly isList?: true;
  /** Shapes and types of the outputs. */
  infer(inputs: readonly TensorSpec[], attrs: Attrs): readonly TensorSpec[];
  /** Appends the ONNX nodes of one call; every output of the call must be written. */
  emit(context: EmitContext): void;
  /** Names the op together with its attributes; equal keys and equal input shapes mean an equal program. */
  key(attrs: Attrs): string;
  /** What a bf16 run rounds; absent: nothing, the op computes with float32 as it comes and leaves it so. */
  readonly rounds?: RoundingRule;
  /** Where the call does no work of its own. `op` replacements take no tensors. */
  readonly simplify?: (inputs: readonly TensorSpec[], attrs: Attrs) => Simplification | null;
}

/** Infinities and NaN have no JSON form, and -0 loses its sign; all of them would make different calls share a key. */
const distinct = (_: string, value: unknown): unknown =>
  typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
    ? `#${Object.is(value, -0) ? '-0' : value}`
    : value;

/** Completes a definition with the usual key: the name and the attributes as text. */
export function defineOp(definition: Omit<OpDefinition, 'key'>): OpDefinition {
  return { ...definition, key: (attrs) => `${definition.name}${JSON.stringify(attrs, distinct)}` };
}
