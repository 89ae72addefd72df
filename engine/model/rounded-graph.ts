// RoundedGraph: the graph of a block as a bf16 run computes it. A pass over what was traced in float32: it adds
// roundings, and says to ops that round inside that they should; nothing else changes. It looks at one block alone, so
// where a pipeline is cut changes no bit. What is rounded, and why, is docs/precision.md.
import { present } from '../core/invariant.js';
import { ROUND, WIDEN } from '../tensor/fused/rounding.js';
import type { Graph, Node, Value, ValueId } from '../tensor/graph.js';
import { definitionOf } from '../tensor/ops/table.js';
import type { PortRole } from '../tensor/program.js';
import { isRounded, type Model } from './block.js';
import type { BlockGraph } from './block-graph.js';
import { operandsOf, roundedValues, SAME_NUMBERS } from './rounded-values.js';

/** What the neighbours of a block do, and so what it need not do again. */
interface RoundingOptions {
  /** The activation that comes in is rounded already. */
  readonly isInputRounded: boolean;
  /** The gradient that comes in is rounded already. */
  readonly isGradientRounded: boolean;
  /** Whether the output is left as it is: what the loss is computed from. */
  readonly keepsOutput: boolean;
}

/** Numbers of their first operand and no others: rounded where that is. */
const SOME_NUMBERS = new Set([...SAME_NUMBERS, 'Slice', 'StridedSlice', 'Tile', 'BroadcastTo', 'Neg', 'Relu', 'Abs']);

/** The graph of block `index` as the run computes it, from its graph in float32. */
export function roundedGraph(graph: BlockGraph, model: Model, index: number): BlockGraph {
  if (!isRounded(model, index)) return graph;
  const last = model.blocks.length - 1;
  return new Rounding(graph, {
    isInputRounded: index > 0 && isRounded(model, index - 1),
    isGradientRounded: index < last && isRounded(model, index + 1),
    keepsOutput: index === last,
  }).graph();
}

class Rounding {
  readonly #block: BlockGraph;
  readonly #numForward: number;
  readonly #keepsOutput: boolean;
  /** Values that everybody sees rounded. */
  readonly #everywhere: ReadonlySet<ValueId>;
  readonly #values: Value[];
  readonly #nodes: Node[] = [];
  /** Copies of parameters that the graph reads. */
  readonly #inputs: { readonly role: PortRole; readonly value: ValueId }[] = [];
  /** What stands for a value in the new graph, where that is another. */
  readonly #stands = new Map<ValueId, ValueId>();
  /** The rounded copies of values that are not rounded for everybody: parameters, mostly. */
  readonly #copies = new Map<ValueId, ValueId>();
  /** Values of the new graph that are rounded. */
  readonly #rounded = new Set<ValueId>();

  constructor(block: BlockGraph, options: RoundingOptions) {
    this.#block = block;
    const { graph, backward } = block;
    this.#numForward = backward?.numForwardNodes ?? graph.nodes.length;
    this.#values = [...graph.values];
    this.#keepsOutput = options.keepsOutput;
    this.#everywhere = roundedValues(block, options.keepsOutput);
    if (options.isInputRounded)
      for (const { role, value } of block.inputs) if (role.kind === 'activation') this.#rounded.add(value);
    if (options.isGradientRounded && backward !== null) this.#rounded.add(backward.dy);
  }

  graph(): BlockGraph {
    const { graph, backward, inputs } = this.#block;
    for (const { role, value } of inputs)
      if (role.kind === 'activation' && this.#everywhere.has(value)) this.#roundForAll(value);
    for (const node of graph.nodes.slice(0, this.#numForward)) this.#append(node);
    const output = this.#keepsOutput ? this.#standing(this.#block.output) : this.#leaving(this.#block.output);
    const numForwardNodes = this.#nodes.length;
    if (backward !== null && this.#everywhere.has(backward.dy)) this.#roundForAll(backward.dy);
    for (const node of graph.nodes.slice(this.#numForward)) this.#append(node);
    const gradients = (backward?.gradients ?? []).map(({ role, value }) => ({
      role,
      value: role.kind === 'gradient' ? this.#leaving(value) : this.#standing(value),
    }));
    return {
      ...this.#block,
      graph: { ...graph, values: this.#values, nodes: this.#nodes } satisfies Graph,
      inputs: [...inputs, ...this.#inputs],
      output,
      backward: backward === null ? null : { ...backward, numForwardNodes, gradients },
    };
  }

  /** What leaves the block, rounded, whatever it is: even a field of the data, handed on as it came. */
  #leaving(id: ValueId): ValueId {
    const now = this.#standing(id);
    return this.#rounded.has(now) ? now : this.#roundedCopy(now);
  }

  #append(node: Node): void {
    const operands = new Set(operandsOf(node));
    const inputs = node.inputs.map((id) => (operands.has(id) ? this.#operand(id) : this.#standing(id)));
    this.#nodes.push({ ...node, inputs, attrs: this.#attrsOf(node, inputs) });
    const [first] = inputs;
    if (SOME_NUMBERS.has(node.op) && first !== undefined && this.#rounded.has(first))
      for (const id of node.outputs) this.#rounded.add(id);
    for (const id of node.outputs) if (this.#everywhere.has(id)) this.#roundForAll(id);
  }

  /** An op that rounds inside may leave bfloat16 itself. */
  #attrsOf({ op, attrs, outputs }: Node, inputs: readonly ValueId[]): Node['attrs'] {
    const definition = definitionOf(op);
    if (definition.rounds?.inside !== true) return attrs;
    const rounding = { ...attrs, rounds: true };
    const specs = inputs.map((id) => present(this.#values[id], `value ${id}`));
    definition.infer(specs, rounding).forEach((spec, i) => {
      const id = present(outputs[i], `output ${i} of ${op}`);
      this.#values[id] = { id, ...spec };
    });
    return rounding;
  }

  #operand(id: ValueId): ValueId {
    const now = this.#standing(id);
    if (this.#rounded.has(now) || !this.#isFloat(id)) return now;
    const copy = this.#copies.get(id) ?? this.#roundedParameter(id) ?? this.#roundedCopy(now);
    this.#copies.set(id, copy);
    return copy;
  }

  #roundForAll(id: ValueId): void {
    if (!this.#rounded.has(id)) this.#stands.set(id, this.#roundedCopy(id));
  }

  /** A parameter is rounded outside of the graph, once for all micro-batches. */
  #roundedParameter(id: ValueId): ValueId | null {
    const role = this.#block.inputs.find(({ value }) => value === id)?.role;
    if (role?.kind !== 'param') return null;
    const half = this.#declared(id, 'bfloat16');
    this.#inputs.push({ role: { ...role, kind: 'rounded' }, value: half });
    return this.#widened(half);
  }

  #roundedCopy(id: ValueId): ValueId {
    const half = this.#declared(id, 'bfloat16');
    this.#nodes.push({ op: ROUND, inputs: [id], outputs: [half], attrs: {} });
    return this.#widened(half);
  }

  #widened(half: ValueId): ValueId {
    const wide = this.#declared(half, 'float32');
    this.#nodes.push({ op: WIDEN, inputs: [half], outputs: [wide], attrs: {} });
    this.#rounded.add(wide);
    return wide;
  }

  /** A new value with the shape of another. */
  #declared(like: ValueId, dtype: Value['dtype']): ValueId {
    const { shape } = present(this.#values[like], `value ${like}`);
    const id = this.#values.length;
    this.#values.push({ id, shape, dtype });
    return id;
  }

  #standing(id: ValueId): ValueId {
    return this.#stands.get(id) ?? id;
  }

  #isFloat(id: ValueId): boolean {
    return this.#block.graph.values[id]?.dtype === 'float32';
  }
}
