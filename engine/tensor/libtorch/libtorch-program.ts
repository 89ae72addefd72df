// LibtorchProgram: a program made ready for libtorch: the nodes that its outputs need, the kernel of each, and what
// is no longer needed after it. It computes tensors from tensors; the memory that ports are bound to is the
// business of a TorchBinding.
import { messageOf, ModelError, PipetrainError } from '../../core/errors.js';
import { invariant, InvariantError, present } from '../../core/invariant.js';
import { subgraph } from '../cut.js';
import type { PortBuffer } from '../device-memory.js';
import type { BoundProgram, LoadedProgram } from '../executor.js';
import type { Graph, Node, Value, ValueId } from '../graph.js';
import { sameShape } from '../ops/shapes.js';
import type { Program } from '../program.js';
import { runFailure } from '../run-failure.js';
import type { Shape } from '../shape.js';
import type { Aten } from './aten.js';
import { type IndexCheck, indexCheckOf, requireInside } from './index-checks.js';
import { Call, type Kernel } from './kernel.js';
import { kernelTable } from './kernels/table.js';
import type { Handle } from './tensors.js';
import { type TensorProgram, TorchBinding } from './torch-binding.js';
import type { TorchMemory } from './torch-memory.js';

const RUN_HINT =
  'If the message speaks of an index, some input lies outside its range, e.g. a token id beyond the vocabulary; if ' +
  'it speaks of memory, use a smaller micro-batch.';

/** Ops that leave the elements as they lie. */
const VIEWS = new Set(['Reshape', 'ExpandDims', 'Identity']);

interface Step {
  readonly node: Node;
  readonly kernel: Kernel;
  /** Indices that have to be read back from the device before the kernel runs. */
  readonly check: IndexCheck | null;
  /** The output port of its first output; -1 where that is none. */
  readonly port: number;
  /** Values that no later step and no output reads. */
  readonly done: readonly ValueId[];
}

/** Indices that come in by a port, to be looked at before anything runs. */
interface PortCheck {
  readonly port: number;
  readonly sizes: Shape;
  readonly node: Node;
}

/** What a program needs of its executor. */
export interface Owner {
  readonly name: string;
  readonly aten: Aten;
  readonly memory: TorchMemory;
  readonly threads: number;
  forget(program: LibtorchProgram): void;
}

export class LibtorchProgram implements LoadedProgram, TensorProgram {
  readonly program: Program;
  readonly #owner: Owner;
  readonly #graph: Graph;
  readonly #steps: readonly Step[];
  readonly #portChecks: readonly PortCheck[];
  /** Literals, and what kernels hold. */
  readonly #literals = new Map<ValueId, Handle>();
  readonly #constants: Handle[] = [];
  readonly #bindings = new Set<TorchBinding>();
  /** Tensors of the run that is under way, by value, and which of them are its own. */
  readonly #tensors: (Handle | undefined)[];
  readonly #isOwn: Uint8Array;
  /** Memory of outputs that the run under way has written. */
  readonly #written = new Set<Handle>();
  /** Whether it has run: then every kernel has returned once what was traced. */
  #isProven = false;
  #freed = false;

  /** Throws a ModelError (PT_EXECUTOR) where there is no kernel for an op. */
  constructor(program: Program, owner: Owner) {
    this.program = program;
    this.#owner = owner;
    const given = program.inputs.map((port) => port.value);
    const outputs = program.outputs.map((port) => port.value);
    const graph = subgraph(program.graph, outputs, given);
    this.#graph = graph;
    requireDefined(program, graph);
    const checks: PortCheck[] = [];
    this.#steps = planned(graph, outputs).map(({ node, done }) => {
      const call = this.#callOf(node);
      const check = indexCheckOf(call);
      const port = check === null ? -1 : this.#portOf(present(node.inputs[check.input], 'the indices'));
      if (check !== null && port >= 0) checks.push({ port, sizes: check.sizes, node });
      const kernel = this.#kernelOf(call);
      const output = outputs.indexOf(present(node.outputs[0], 'an output'));
      return { node, kernel, done, check: port >= 0 ? null : check, port: output };
    });
    this.#portChecks = checks;
    for (const { id, data } of graph.literals) this.#literals.set(id, this.#literal(data, this.#value(id)));
    this.#tensors = new Array<Handle | undefined>(graph.values.length);
    this.#isOwn = new Uint8Array(graph.values.length);
  }

  /** Name of the executor. */
  get executor(): string {
    return this.#owner.name;
  }

  bind(inputs: readonly PortBuffer[], outputs: readonly PortBuffer[]): BoundProgram {
    invariant(!this.#freed, () => `${this.program.name}: the program is freed`);
    const binding: TorchBinding = new TorchBinding(this, this.#owner.memory, inputs, outputs, () =>
      this.#bindings.delete(binding),
    );
    this.#bindings.add(binding);
    return binding;
  }

  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const binding of [...this.#bindings]) binding.free();
    const { tensors } = this.#owner.aten;
    for (const handle of [...this.#literals.values(), ...this.#constants]) tensors.delete(handle);
    this.#owner.forget(this);
  }

  checkIndices(integersOf: (port: number) => Int32Array): void {
    for (const { port, sizes, node } of this.#portChecks)
      this.#guarded(node, () => requireInside(integersOf(port), sizes));
  }

  compute(inputs: readonly Handle[], into: readonly (Handle | null)[]): Handle[] {
    const { aten, threads } = this.#owner;
    const { library } = aten.tensors;
    library.setThreads(threads);
    return library.listened(() => {
      try {
        return this.#computed(inputs, into);
      } finally {
        this.#clear();
      }
    });
  }

  #computed(inputs: readonly Handle[], into: readonly (Handle | null)[]): Handle[] {
    const [tensors, { program }] = [this.#tensors, this];
    for (const [id, handle] of this.#literals) tensors[id] = handle;
    program.inputs.forEach(({ value }, i) => (tensors[value] = inputs[i]));
    for (const step of this.#steps) this.#perform(step, step.port < 0 ? null : (into[step.port] ?? null));
    this.#isProven = true;
    return program.outputs.map(({ value }, i) => {
      const place = into[i];
      if (place != null && this.#written.delete(place)) return place;
      return this.#owner.aten.tensors.duplicate(this.#tensor(value));
    });
  }

  #perform({ node, kernel, check, done }: Step, into: Handle | null): void {
    const { tensors } = this.#owner.aten;
    const inputs = node.inputs.map((id) => this.#tensor(id));
    tensors.begin();
    let results: readonly Handle[] = [];
    try {
      if (check !== null) this.#checkOnHost(node, check, inputs);
      const result = kernel(inputs, into);
      if (into !== null && result === into) this.#written.add(into);
      results = typeof result === 'number' ? [result] : result;
      if (!this.#isProven) this.#prove(node, results);
      results = this.#own(node, results);
    } catch (error) {
      throw this.#failure(node, error);
    } finally {
      tensors.end(results);
    }
    for (const id of done) this.#drop(id);
  }

  /** Keeps the results of a node; returns those that it keeps. */
  #own({ op, outputs }: Node, results: readonly Handle[]): Handle[] {
    const { tensors } = this.#owner.aten;
    return outputs.map((id, i) => {
      const result = present(results[i], `output ${i} of ${op}`);
      const handle = tensors.isMade(result) ? result : tensors.duplicate(result);
      // A cut may hand in one output of a node that is run for another one; the value that came in stays.
      if (this.#tensors[id] === undefined) {
        this.#tensors[id] = handle;
        this.#isOwn[id] = 1;
        return handle;
      }
      if (handle !== result) tensors.delete(handle);
      return -1;
    });
  }

  /** Frees what is left of a run. */
  #clear(): void {
    for (let id = 0; id < this.#tensors.length; id++) this.#drop(id);
    this.#written.clear();
  }

  #drop(id: ValueId): void {
    if (this.#isOwn[id] === 1) this.#owner.aten.tensors.delete(this.#tensor(id));
    this.#isOwn[id] = 0;
    this.#tensors[id] = undefined;
  }

  #prove({ op, outputs }: Node, results: readonly Handle[]): void {
    const { tensors } = this.#owner.aten;
    outputs.forEach((id, i) => {
      const { shape, dtype } = this.#value(id);
      const result = present(results[i], `output ${i} of ${op}`);
      const found = tensors.shapeOf(result);
      invariant(
        sameShape(found, shape) && tensors.dtypeOf(result) === tensors.library.dtypes[dtype],
        () =>
          `${op} on ${this.executor} returns [${found.join()}] of type ${tensors.dtypeOf(result)} where ` +
          `${dtype}[${shape.join()}] was traced`,
      );
    });
  }

  #checkOnHost(node: Node, { input, sizes }: IndexCheck, inputs: readonly Handle[]): void {
    const { shape } = this.#value(present(node.inputs[input], 'the indices'));
    const indices = this.#owner.aten.tensors.read(present(inputs[input], 'the indices'), shape, 'int32');
    requireInside(indices as Int32Array, sizes);
  }

  #callOf({ op, attrs, inputs, outputs }: Node): Call {
    const specs = (ids: readonly ValueId[]): Value[] => ids.map((id) => this.#value(id));
    return new Call(this.#owner.aten, op, attrs, specs(inputs), specs(outputs));
  }

  #kernelOf(call: Call): Kernel {
    const maker = kernelTable[call.op];
    if (maker === undefined)
      throw new ModelError(
        'PT_EXECUTOR',
        `Program "${this.program.name}" cannot be loaded by ${this.executor}: it has no kernel for the op ${call.op}`,
        'Write the model with other ops, or use --devices cpu:N.',
      );
    const kernel = maker(this.#owner.aten, call);
    this.#constants.push(...call.constants);
    return kernel;
  }

  /** The input port that a value comes from as it is, or in another shape; -1 where it comes from none. */
  #portOf(id: ValueId): number {
    const port = this.program.inputs.findIndex(({ value }) => value === id);
    if (port >= 0) return port;
    const node = this.#graph.nodes.find(({ op, outputs }) => VIEWS.has(op) && outputs.includes(id));
    return node === undefined ? -1 : this.#portOf(present(node.inputs[0], 'the operand of a view'));
  }

  #literal(data: Float32Array | Int32Array | Uint8Array, { shape, dtype }: Value): Handle {
    const { tensors } = this.#owner.aten;
    const host = tensors.over(data.slice(), shape, dtype);
    const handle = tensors.keep(tensors.toDevice(host));
    tensors.delete(host);
    return handle;
  }

  #guarded(node: Node, check: () => void): void {
    try {
      check();
    } catch (error) {
      throw this.#failure(node, error);
    }
  }

  /** What was thrown in a node, in words that name the program, the op and the shapes that it was handed. */
  #failure(node: Node, error: unknown): unknown {
    const isKnown = error instanceof PipetrainError && error.code !== 'PT_EXECUTOR';
    if (isKnown || error instanceof InvariantError) return error;
    const shapes = node.inputs.map((id) => `${this.#value(id).dtype}[${this.#value(id).shape.join()}]`);
    return runFailure({
      program: this.program.name,
      executor: this.executor,
      reason: error instanceof RangeError ? error.message : `${messageOf(error)} (given ${shapes.join(', ')})`,
      hint: RUN_HINT,
      node,
      cause: error,
    });
  }

  #tensor(id: ValueId): Handle {
    return present(this.#tensors[id], `value ${id} of ${this.program.name}`);
  }

  #value(id: ValueId): Value {
    return present(this.program.graph.values[id], `value ${id} of ${this.program.name}`);
  }
}

function requireDefined({ name, inputs, outputs }: Program, { literals, nodes }: Graph): void {
  const known = new Set([
    ...inputs.map(({ value }) => value),
    ...literals.map(({ id }) => id),
    ...nodes.flatMap((node) => node.outputs),
  ]);
  for (const id of [...outputs.map(({ value }) => value), ...nodes.flatMap((node) => node.inputs)])
    invariant(known.has(id), () => `${name}: nothing defines value ${id}`);
}

/** The nodes in their order, and after which of them each value is done. */
function planned({ nodes }: Graph, outputs: readonly ValueId[]): Pick<Step, 'node' | 'done'>[] {
  const needed = new Set(outputs);
  const steps = nodes.toReversed().map((node) => {
    const done = [...new Set([...node.inputs, ...node.outputs])].filter((id) => !needed.has(id));
    for (const id of node.inputs) needed.add(id);
    return { node, done };
  });
  return steps.reverse();
}
