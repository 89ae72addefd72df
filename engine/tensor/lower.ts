// Lowering: a program to an ONNX model, by the op table. Nothing is reordered here, and nothing fused but roundings
// with what they round (fusions.ts); ONNX nodes that no output depends on are left out.
import { invariant, present } from '../core/invariant.js';
import { Fusions } from './fusions.js';
import type { Literal, Node, Value, ValueId } from './graph.js';
import { KERNEL_DOMAIN, operatorName } from './jit/catalogue.js';
import { capturedBy, type OnnxAttributes, OnnxBuilder, type OnnxData } from './onnx.js';
import type { EmitContext, NodeWriter, Operand } from './ops/definition.js';
import { at } from './ops/shapes.js';
import { definitionOf } from './ops/table.js';
import { type Port, type Program, roleName } from './program.js';
import { nodeLabel } from './run-failure.js';
import { computeDtype, type Shape } from './shape.js';

/** A model file and the names of its inputs and outputs, in the order of the program's ports. */
export interface LoweredProgram {
  readonly bytes: Uint8Array;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Names of the kernels among its operators. */
  readonly kernels: readonly string[];
}

interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: OnnxAttributes;
  readonly domain: string;
  /** What it is named after; see nodeLabel. */
  readonly label: string;
  /** The outputs, where the runtime cannot infer their shapes. */
  readonly results?: readonly Operand[];
}

interface Constant {
  readonly name: string;
  readonly dtype: 'float32' | 'int32' | 'int64' | 'bool';
  readonly dims: Shape;
  readonly data: OnnxData;
}

const LARGEST_SHARED = 64;

/**
 * Lowers a program. All input ports are declared, used or not; every output port gets a value of its own. With
 * `kernelThreads` above 0 it may use our kernels, for so many threads; only some executors have them.
 */
export function lowerProgram(program: Program, kernelThreads = 0): LoweredProgram {
  return new Lowering(program, kernelThreads).encode();
}

class Lowering {
  readonly #program: Program;
  readonly #kernelThreads: number;
  readonly #given: ReadonlySet<ValueId>;
  readonly #fusions: Fusions;
  /** Nodes whose outputs are written already. */
  readonly #isDone = new Set<Node>();
  readonly #names = new Map<ValueId, string>();
  readonly #nodes: OnnxNode[] = [];
  readonly #constants = new Map<string, Constant>();
  /** What the ONNX nodes of the call that is being lowered are named after. */
  #label = 'literal';
  #fresh = 0;

  constructor(program: Program, kernelThreads: number) {
    this.#program = program;
    this.#kernelThreads = kernelThreads;
    this.#given = new Set(program.inputs.map((port) => port.value));
    this.#fusions = new Fusions(program);
  }

  encode(): LoweredProgram {
    const { graph, inputs, outputs, name } = this.#program;
    const inputNames = uniqueNames('in', inputs);
    inputs.forEach((port, i) => this.#names.set(port.value, at(inputNames, i)));
    for (const literal of graph.literals) this.#literal(literal, this.#value(literal.id));
    const computed = new Set(graph.nodes.flatMap((node) => node.outputs));
    const outputNames = uniqueNames('out', outputs);
    // The first port of a computed value names the value itself; any other port of a value gets a copy.
    const copies: OnnxNode[] = [];
    outputs.forEach((port, i) => {
      const outputName = at(outputNames, i);
      const known = this.#names.get(port.value);
      if (known === undefined && computed.has(port.value)) this.#names.set(port.value, outputName);
      else
        copies.push({
          operator: 'Identity',
          inputs: [present(known, `a source of output ${outputName}`)],
          outputs: [outputName],
          attributes: {},
          domain: '',
          label: 'output',
        });
    });
    for (const node of graph.nodes) if (!this.#isDone.has(node)) this.#emit(node);
    this.#nodes.push(...copies);

    const onnx = new OnnxBuilder();
    inputs.forEach((port, i) => onnx.input(at(inputNames, i), port.dtype, port.shape));
    const live = liveNodes(this.#nodes, outputNames);
    const used = new Set(live.flatMap(readBy));
    for (const { name: constant, dtype, dims, data } of this.#constants.values())
      if (used.has(constant)) onnx.initializer(constant, dtype, dims, data);
    const declared = new Set(outputNames);
    for (const node of live) {
      onnx.node(node.operator, node.inputs, node.outputs, node.attributes, node);
      for (const { name: result, dtype, shape } of node.results ?? [])
        if (!declared.has(result)) onnx.shape(result, dtype, shape);
    }
    outputs.forEach((port, i) => onnx.output(at(outputNames, i), port.dtype, port.shape));
    const kernels = [...new Set(live.filter(({ domain }) => domain === KERNEL_DOMAIN).map(({ operator }) => operator))];
    return { bytes: onnx.encode(name), inputNames, outputNames, kernels };
  }

  #emit(node: Node): void {
    const inputs = node.inputs.map((id): Operand => {
      const { shape, dtype } = this.#value(id);
      const half = this.#fusions.halfOf(id);
      return {
        name: present(this.#names.get(id), `input ${id} of ${node.op} in ${this.#program.name}`),
        shape,
        dtype,
        ...(half === null ? {} : { half: present(this.#names.get(half), `value ${half} of ${this.#program.name}`) }),
      };
    });
    const outputs = node.outputs.map((id) => this.#result(id));
    this.#label = nodeLabel(node);
    definitionOf(node.op).emit(this.#context(node, inputs, outputs));
  }

  /** A value that is about to be written. */
  #result(id: ValueId): Operand {
    const { shape, dtype } = this.#value(id);
    // A cut may hand in one output of a node that is run for another one; what the node says about it goes nowhere.
    const name = this.#given.has(id) ? `unused${id}` : (this.#names.get(id) ?? `v${id}`);
    if (!this.#given.has(id)) this.#names.set(id, name);
    return { name, shape, dtype };
  }

  #context(node: Node, inputs: readonly Operand[], outputs: readonly Operand[]): EmitContext {
    const append = (
      operator: string,
      names: readonly string[],
      results: readonly string[],
      attributes: OnnxAttributes = {},
      domain = '',
    ): void => {
      this.#nodes.push({ operator, inputs: names, outputs: results, attributes, domain, label: this.#label });
    };
    const roundings = node.outputs.map((id) => this.#fusions.roundingOf(id));
    return {
      ...this.#writer(this.#nodes),
      inputs,
      outputs,
      attrs: node.attrs,
      input: (i) => at(inputs, i),
      output: (i) => at(outputs, i),
      finish: (operator, names, attributes, domain, which = [0]) =>
        append(
          operator,
          names,
          which.map((i) => (i === null ? '' : at(outputs, i).name)),
          attributes,
          domain,
        ),
      hasKernels: this.#kernelThreads > 0,
      isOnlyRounded: (i) => (roundings[i] ?? null) !== null,
      finishKernel: (kernel, names, rounds = []) => {
        const results = outputs.map((output, i) => (rounds.includes(i) ? this.#rounded(roundings[i] ?? null) : output));
        this.#nodes.push({
          operator: operatorName({
            kernel,
            threads: this.#kernelThreads,
            outputs: results.map(({ shape }) => shape),
          }),
          inputs: names,
          outputs: results.map((output) => output.name),
          attributes: {},
          domain: KERNEL_DOMAIN,
          label: this.#label,
          results,
        });
      },
      tiled: (stacked, write, which = []) =>
        this.#tiled(
          stacked,
          write,
          which.map((i) => at(outputs, i).name),
        ),
    };
  }

  /** What a rounding would write, which nobody else writes then. */
  #rounded(rounding: Node | null): Operand {
    const node = present(rounding, 'the rounding of a result');
    this.#isDone.add(node);
    return this.#result(at(node.outputs, 0));
  }

  #writer(nodes: OnnxNode[]): NodeWriter {
    return {
      node: (operator, inputs, attributes = {}, domain = '') => {
        const result = `t${this.#fresh++}`;
        nodes.push({ operator, inputs, outputs: [result], attributes, domain, label: this.#label });
        return result;
      },
      both: (operator, inputs, attributes = {}) => {
        const results = [`t${this.#fresh++}`, `t${this.#fresh++}`] as const;
        nodes.push({ operator, inputs, outputs: results, attributes, domain: '', label: this.#label });
        return results;
      },
      constant: (dtype, dims, data) => this.#constant(dtype, dims, data),
    };
  }

  #tiled(
    stacked: readonly Operand[],
    write: (body: NodeWriter, slices: readonly string[]) => readonly Operand[],
    outputs: readonly string[],
  ): readonly string[] {
    const slices = stacked.map(() => `t${this.#fresh++}`);
    const nodes: OnnxNode[] = [];
    const results = write(this.#writer(nodes), slices);
    const own = new Set([...slices, ...nodes.flatMap((node) => node.outputs)]);
    const captures = [...new Set(nodes.flatMap(readBy))].filter((name) => name !== '' && !own.has(name));
    const body = new OnnxBuilder();
    for (const name of captures) body.outer(name);
    stacked.forEach(({ shape, dtype }, i) => body.input(at(slices, i), dtype, shape.slice(1)));
    for (const node of nodes) body.node(node.operator, node.inputs, node.outputs, node.attributes, node);
    for (const { name, shape, dtype } of results) body.output(name, dtype, shape);
    const stacks = results.map((_, i) => outputs[i] ?? `t${this.#fresh++}`);
    const attributes = { num_scan_inputs: stacked.length, body: { graph: body.encodeGraph('tile'), captures } };
    this.#nodes.push({
      operator: 'Scan',
      inputs: stacked.map(({ name }) => name),
      outputs: stacks,
      attributes,
      domain: '',
      label: this.#label,
    });
    return stacks;
  }

  #constant(dtype: Constant['dtype'], dims: Shape, data: OnnxData): string {
    // Shapes, axes, scalars and vectors of ones repeat; a table does not, and its text would be long.
    const isUniform = data.length > 0 && data.every((value: number | bigint) => Object.is(value, data[0]));
    if (data.length > LARGEST_SHARED && !isUniform)
      return this.#store(`table ${this.#constants.size}`, { dtype, dims, data });
    const values = Array.from(isUniform ? data.slice(0, 1) : data, Number);
    const texts = values.map((value) => (Object.is(value, -0) ? '-0' : String(value)));
    const key = `${dtype}[${dims.join()}]:${texts.join()}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known.name;
    return this.#store(key, { dtype, dims, data });
  }

  #store(key: string, constant: Omit<Constant, 'name'>): string {
    const name = `c${this.#constants.size}`;
    this.#constants.set(key, { name, ...constant });
    return name;
  }

  #literal({ id, data }: Literal, { shape, dtype }: Value): void {
    const constant = this.#constant(computeDtype(dtype), shape, data);
    if (shape.length < 2) return void this.#names.set(id, constant);
    // Matrix products pack a matrix that is a constant of the model and then add in another order. Behind an Identity
    // it is a value like any other, and the bits are those of the same product elsewhere.
    const name = `l${id}`;
    this.#nodes.push({
      operator: 'Identity',
      inputs: [constant],
      outputs: [name],
      attributes: {},
      domain: '',
      label: this.#label,
    });
    this.#names.set(id, name);
  }

  #value(id: ValueId): Value {
    const value = present(this.#program.graph.values[id], `value ${id} of ${this.#program.name}`);
    invariant(value.id === id, () => `value ${id} of ${this.#program.name} is stored under another id`);
    return value;
  }
}

function uniqueNames(prefix: string, ports: readonly Port[]): string[] {
  const seen = new Map<string, number>();
  return ports.map(({ role }) => {
    const base = `${prefix}:${roleName(role)}`;
    const count = seen.get(base) ?? 0;
    seen.set(base, count + 1);
    return count === 0 ? base : `${base}#${count}`;
  });
}

const readBy = ({ inputs, attributes }: OnnxNode): readonly string[] => [...inputs, ...capturedBy(attributes)];

/** The nodes that the wanted names depend on, in their order. */
function liveNodes(nodes: readonly OnnxNode[], wanted: readonly string[]): OnnxNode[] {
  const needed = new Set(wanted);
  const live: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    for (const name of readBy(node)) needed.add(name);
    live.push(node);
  }
  return live.reverse();
}
