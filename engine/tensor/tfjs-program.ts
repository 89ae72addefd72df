// TfjsProgram: a program made ready for replay on a TensorFlow.js backend: the nodes that its outputs need, the kernel
// of each, and the values that are no longer needed after it.
import { messageOf, ModelError, PipetrainError } from '../core/errors.js';
import { invariant, InvariantError, present } from '../core/invariant.js';
import { roundToBfloat16, widenBfloat16 } from './bfloat16.js';
import { subgraph } from './cut.js';
import type { BoundProgram, LoadedProgram } from './executor.js';
import { checks, references, replacement } from './fused-reference/references.js';
import type { Attrs, Graph, Node, Value, ValueId } from './graph.js';
import { sameShape } from './ops/shapes.js';
import { definitionOf } from './ops/table.js';
import { type HostTensor, portTensors } from './port-tensors.js';
import type { Program } from './program.js';
import { runFailure } from './run-failure.js';
import { computeDtype, type HostArray, type NumberArray } from './shape.js';
import * as tf from './tf.js';

const RUN_HINT =
  'If the message speaks of an index, some input lies outside its range, e.g. a token id beyond the vocabulary.';

type Kernel = (inputs: readonly tf.Tensor[]) => readonly tf.Tensor[];

interface Step {
  readonly node: Node;
  readonly kernel: Kernel;
  /** Inputs that are looked at on the host before the kernel runs. */
  readonly checked: readonly ValueId[];
  /** Values that no later step and no output reads. */
  readonly done: readonly ValueId[];
}

/** Runs with the program's backend active. */
type Activate = <T>(body: () => T) => T;

export class TfjsProgram implements LoadedProgram {
  readonly program: Program;
  readonly #executor: string;
  readonly #activate: Activate;
  readonly #onFree: () => void;
  readonly #steps: readonly Step[];
  readonly #literals: ReadonlyMap<ValueId, tf.Tensor>;
  readonly #bindings = new Set<BoundProgram>();
  #freed = false;

  /** Throws a ModelError (PT_EXECUTOR) where the backend has no kernel for an op and no composition stands in. */
  constructor(program: Program, executor: string, activate: Activate, onFree: () => void) {
    this.program = program;
    this.#executor = executor;
    this.#activate = activate;
    this.#onFree = onFree;
    const given = program.inputs.map((port) => port.value);
    const outputs = program.outputs.map((port) => port.value);
    const graph = subgraph(program.graph, outputs, given);
    const known = new Set([
      ...given,
      ...graph.literals.map(({ id }) => id),
      ...graph.nodes.flatMap((node) => node.outputs),
    ]);
    for (const id of [...outputs, ...graph.nodes.flatMap((node) => node.inputs)])
      invariant(known.has(id), () => `${program.name}: nothing defines value ${id}`);
    this.#steps = activate(() => planned(graph, outputs, (node) => this.#kernelOf(node)));
    this.#literals = activate(
      () =>
        new Map(
          graph.literals.map(({ id, data }) => [id, tf.keep(tensorOf({ data: data.slice(), ...this.#value(id) }))]),
        ),
    );
  }

  bind(inputs: readonly HostArray[], outputs: readonly HostArray[]): BoundProgram {
    const { name } = this.program;
    invariant(!this.#freed, () => `${name}: the program is freed`);
    const from = portTensors(`${name}: inputs`, this.program.inputs, inputs);
    const to = portTensors(`${name}: outputs`, this.program.outputs, outputs);
    const binding: BoundProgram = {
      run: () => {
        invariant(this.#bindings.has(binding), () => `${name}: the binding is freed`);
        this.#activate(() => void tf.tidy(() => this.#run(from, to)));
      },
      free: () => void this.#bindings.delete(binding),
    };
    this.#bindings.add(binding);
    return binding;
  }

  /**
   * Runs once on these buffers, for backends whose results arrive later. The caller keeps the backend active and runs
   * nothing else until then; errors are those of a bound run.
   */
  async runAsync(inputs: readonly HostArray[], outputs: readonly HostArray[]): Promise<void> {
    const { name } = this.program;
    invariant(!this.#freed, () => `${name}: the program is freed`);
    const to = portTensors(`${name}: outputs`, this.program.outputs, outputs);
    const engine = tf.engine();
    engine.startScope(name);
    try {
      const tensors = this.#arrived(portTensors(`${name}: inputs`, this.program.inputs, inputs));
      for (const step of this.#steps) {
        for (const id of step.checked) await this.#tensor(tensors, id).data();
        this.#perform(step, tensors);
      }
      const results = await Promise.all(
        this.program.outputs.map(({ value }) => this.#tensor(tensors, value).data<'float32' | 'int32'>()),
      );
      results.forEach((result, i) => leave(result, present(to[i], 'an output').data));
    } finally {
      engine.endScope();
    }
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#bindings.clear();
    for (const literal of this.#literals.values()) literal.dispose();
    this.#onFree();
  }

  /** Literals and inputs as tensors. */
  #arrived(inputs: readonly HostTensor[]): Map<ValueId, tf.Tensor> {
    const tensors = new Map(this.#literals);
    this.program.inputs.forEach(({ value, dtype }, i) => {
      const { data, dims } = present(inputs[i], 'an input');
      // A copy: backends keep what they are given, and the caller may change or even unmap its buffers.
      tensors.set(value, tensorOf({ data: arrived(data), shape: dims, dtype }));
    });
    return tensors;
  }

  #run(inputs: readonly HostTensor[], outputs: readonly HostTensor[]): void {
    const tensors = this.#arrived(inputs);
    for (const step of this.#steps) this.#perform(step, tensors);
    // All are read before the first is written: an output may be bound to the memory of an input, and be that input.
    const results = this.program.outputs.map(({ value }) =>
      this.#tensor(tensors, value).dataSync<'float32' | 'int32'>(),
    );
    results.forEach((result, i) => leave(result, present(outputs[i], 'an output').data));
  }

  #perform({ node, kernel, done }: Step, tensors: Map<ValueId, tf.Tensor>): void {
    const results = this.#guarded(node, () => kernel(node.inputs.map((id) => this.#tensor(tensors, id))));
    node.outputs.forEach((id, i) => {
      const { shape, dtype } = this.#value(id);
      const result = present(results[i], `output ${i} of ${node.op}`);
      invariant(
        sameShape(result.shape, shape),
        () => `${node.op} on ${this.#executor} returns [${result.shape.join()}] where [${shape.join()}] was traced`,
      );
      // A cut may hand in one output of a node that is run for another one; the value that came in stays.
      const wanted = computeDtype(dtype);
      if (!tensors.has(id)) tensors.set(id, result.dtype === wanted ? result : tf.cast(result, wanted));
    });
    for (const id of done) {
      if (!this.#literals.has(id)) tensors.get(id)?.dispose();
      tensors.delete(id);
    }
  }

  #kernelOf(node: Node): Kernel {
    const { op, attrs } = node;
    const check = checks.get(op);
    const kernel = this.#uncheckedKernelOf(op, attrs);
    if (check === undefined) return kernel;
    return (inputs) => {
      check(inputs, attrs);
      return kernel(inputs);
    };
  }

  #uncheckedKernelOf(op: string, attrs: Attrs): Kernel {
    const engine = tf.engine();
    const better = replacement(op, engine.backendName);
    if (better === undefined && tf.getKernel(op, engine.backendName) != null) {
      const { inputs: names } = definitionOf(op);
      return (inputs) => {
        const named =
          names === 'list' ? inputs : Object.fromEntries(inputs.map((x, i) => [(names[i] ?? '').replace('?', ''), x]));
        const result = engine.runKernel<tf.Tensor | tf.Tensor[]>(
          op,
          named as tf.NamedTensorMap,
          attrs as tf.NamedAttrMap,
        );
        return Array.isArray(result) ? result : [result];
      };
    }
    const reference = better ?? references.get(op);
    if (reference === undefined)
      throw new ModelError(
        'PT_EXECUTOR',
        `Program "${this.program.name}" cannot be loaded by ${this.#executor}: it has no kernel for the op ${op}`,
        'Write the model with other ops, or use --devices cpu:N.',
      );
    // What the composition makes on its way is gone before the next node runs.
    return (inputs) => tf.tidy(() => [...reference(inputs, attrs)]);
  }

  /** Puts what a kernel throws into words that name the program and the op. */
  #guarded<T>(node: Node, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof PipetrainError || error instanceof InvariantError) throw error;
      throw runFailure({
        program: this.program.name,
        executor: this.#executor,
        reason: messageOf(error),
        hint: RUN_HINT,
        node,
        cause: error,
      });
    }
  }

  #tensor(tensors: ReadonlyMap<ValueId, tf.Tensor>, id: ValueId): tf.Tensor {
    return present(tensors.get(id), `value ${id} of ${this.program.name}`);
  }

  #value(id: ValueId): Value {
    return present(this.program.graph.values[id], `value ${id} of ${this.program.name}`);
  }
}

/** The nodes with their kernels, and after which of them each value is done. */
function planned({ nodes, values }: Graph, outputs: readonly ValueId[], kernelOf: (node: Node) => Kernel): Step[] {
  const needed = new Set(outputs);
  const steps: Step[] = [];
  for (const node of nodes.toReversed()) {
    const done = [...new Set([...node.inputs, ...node.outputs])].filter((id) => !needed.has(id));
    for (const id of node.inputs) needed.add(id);
    // Compositions look at indices, too.
    const isChecked = checks.has(node.op) || references.has(node.op);
    const checked = isChecked ? node.inputs.filter((id) => values[id]?.dtype === 'int32') : [];
    steps.push({ node, kernel: kernelOf(node), checked, done });
  }
  return steps.reverse();
}

const tensorOf = ({
  data,
  shape,
  dtype,
}: {
  data: NumberArray | Uint8Array;
  shape: readonly number[];
  dtype: Value['dtype'];
}): tf.Tensor => tf.tensor(data, [...shape], computeDtype(dtype));

/** A copy of what came in, as numbers that a backend knows. */
function arrived(data: HostArray): NumberArray {
  if (!(data instanceof Uint16Array)) return data.slice();
  const wide = new Float32Array(data.length);
  widenBfloat16(data, wide);
  return wide;
}

/** Writes a result where the caller wants it. */
function leave(result: NumberArray, data: HostArray): void {
  if (data instanceof Uint16Array) roundToBfloat16(result as Float32Array, data);
  else data.set(result);
}
