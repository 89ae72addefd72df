// StageGraph: the graph of a stage while its blocks are stitched together, and the programs made from it. It adds no
// computation of its own.
import { invariant, present } from '../core/invariant.js';
import { inputsOf, subgraph } from '../tensor/cut.js';
import { ROUND, WIDEN } from '../tensor/fused/rounding.js';
import type { Graph, ValueId } from '../tensor/graph.js';
import { type Port, type PortRole, type Program, roleName } from '../tensor/program.js';
import { GraphRecorder } from '../tensor/recorder.js';
import type { DType, PortDType, Shape } from '../tensor/shape.js';
import { Stitch } from '../tensor/stitch.js';
import { activationDtype, gradientDtype } from './block.js';
import {
  type BlockGraph,
  type BlockTraceOptions,
  type ObjectiveKind,
  traceBlock,
  traceObjective,
} from './block-graph.js';
import { roundedGraph } from './rounded-graph.js';

/** A value and what it stands for outside of the graph. */
export interface RoleValue {
  readonly role: PortRole;
  readonly value: ValueId;
}

export interface StageGraphOptions extends BlockTraceOptions {
  /** Blocks of the model that are not there: what is below one goes to what is above it. Default: none. */
  readonly absent?: readonly number[] | undefined;
}

/** The graph of a stage while its blocks are stitched together. */
export class StageGraph {
  /** What the inputs of the graph stand for. */
  readonly roles = new Map<ValueId, PortRole>();
  readonly #options: StageGraphOptions;
  readonly #from: number;
  readonly #to: number;
  readonly #recorder = new GraphRecorder();
  readonly #ports = new Map<string, ValueId>();
  readonly #parts: { readonly block: BlockGraph; readonly stitch: Stitch }[] = [];
  #value: ValueId | null = null;

  /** Blocks `from` to `to - 1` of the model; `activationIn` is null for the first stage. */
  constructor(options: StageGraphOptions, from: number, to: number, activationIn: Shape | null) {
    const { model } = options;
    invariant(
      from >= 0 && from < to && to <= model.blocks.length,
      () => `blocks ${from} to ${to} of ${model.blocks.length} make no stage`,
    );
    this.#options = options;
    this.#from = from;
    this.#to = to;
    if (activationIn !== null)
      this.#value = this.#wide(this.#port({ kind: 'activation' }, activationIn, activationDtype(model, from - 1)));
    const there = [...model.blocks.keys()].filter((index) => options.absent?.includes(index) !== true);
    // Who its neighbours are depends on what is there.
    const whole = { ...model, blocks: there.map((index) => present(model.blocks[index], `block ${index}`)) };
    for (const [place, index] of there.entries()) {
      if (index < from || index >= to) continue;
      const traced = traceBlock(this.#options, index, this.#value === null ? null : this.activationShape);
      this.#value = this.#append(
        roundedGraph(traced, whole, place),
        `block ${index} (${present(whole.blocks[place], `block ${index}`).name})`,
      );
    }
  }

  get activationShape(): Shape {
    return this.#recorder.value(present(this.#value, 'the activation')).shape;
  }

  /** The output of the last block, as it goes to the stage above. */
  activation(): RoleValue {
    const value = present(this.#value, 'the activation');
    return {
      role: { kind: 'activation' },
      value: this.#stored(value, activationDtype(this.#options.model, this.#to - 1)),
    };
  }

  graph(): Graph {
    return this.#recorder.graph();
  }

  /** Appends an objective behind the last block. */
  objective(kind: ObjectiveKind): RoleValue {
    return {
      role: { kind },
      value: this.#append(traceObjective(this.#options, kind, this.activationShape), `the ${kind}`),
    };
  }

  /** Appends the backward of everything so far, from the last part to the first. */
  differentiate(): { readonly numForwardNodes: number; readonly gradients: readonly RoleValue[] } {
    const numForwardNodes = this.#recorder.nodeCount;
    const last = present(this.#parts.at(-1), 'a block').block;
    // The loss is a sum over the micro-batch, so its own gradient is 1; elsewhere it comes from the stage above.
    let dy: ValueId | undefined =
      last.outputShape.length === 0
        ? this.#recorder.literal({ shape: [], dtype: 'float32' }, Float32Array.of(1))
        : this.#wide(this.#port({ kind: 'gradient' }, last.outputShape, gradientDtype(this.#options.model, this.#to)));
    const parameters: RoleValue[] = [];
    for (const { block, stitch } of this.#parts.toReversed()) {
      const backward = present(block.backward, 'the backward of a block');
      stitch.connect(backward.dy, present(dy, 'the gradient from above'));
      stitch.append(backward.numForwardNodes, block.graph.nodes.length);
      const gradients = backward.gradients.map(({ role, value }) => ({ role, value: stitch.at(value) }));
      dy = gradients.find(({ role }) => role.kind === 'gradient')?.value;
      parameters.unshift(...gradients.filter(({ role }) => role.kind === 'paramGrad'));
    }
    return {
      numForwardNodes,
      gradients: [
        ...(dy === undefined
          ? []
          : [
              {
                role: { kind: 'gradient' } as const,
                value: this.#stored(dy, gradientDtype(this.#options.model, this.#from)),
              },
            ]),
        ...parameters,
      ],
    };
  }

  /** `origin` is what an error says when a node of the block fails. */
  #append(block: BlockGraph, origin: string): ValueId {
    const inputs = block.inputs.map(({ role, value }) => {
      const spec = present(block.graph.values[value], `value ${value}`);
      const place =
        role.kind === 'activation'
          ? present(this.#value, 'the activation')
          : this.#port(role, spec.shape, portDtype(spec.dtype));
      return [value, place] as const;
    });
    const stitch = new Stitch(this.#recorder, block.graph, inputs, origin);
    stitch.append(0, block.backward?.numForwardNodes ?? block.graph.nodes.length);
    this.#parts.push({ block, stitch });
    return stitch.at(block.output);
  }

  /** The float32 that a value stands for. */
  #wide(value: ValueId): ValueId {
    return this.#recorder.value(value).dtype === 'bfloat16'
      ? present(this.#recorder.call(WIDEN, [value], {})[0], 'the widened value')
      : value;
  }

  /** A value as it crosses a border; where that is a bfloat16, the value is rounded already. */
  #stored(value: ValueId, dtype: PortDType): ValueId {
    if (dtype === 'float32') return value;
    const widening = this.#recorder.graph().nodes.find(({ op, outputs }) => op === WIDEN && outputs[0] === value);
    return present((widening?.inputs ?? this.#recorder.call(ROUND, [value], {}))[0], 'the rounded value');
  }

  /** The input that stands for `role`; one for all who ask. */
  #port(role: PortRole, shape: Shape, dtype: PortDType): ValueId {
    const name = roleName(role);
    const value = this.#ports.get(name) ?? this.#recorder.declare({ shape, dtype });
    this.#ports.set(name, value);
    this.roles.set(value, role);
    return value;
  }
}

/** The type of a block's input; booleans are no input of one. */
function portDtype(dtype: DType): PortDType {
  invariant(dtype !== 'bool', () => 'a block reads booleans');
  return dtype;
}

/** Order of the inputs of a program. */
const PORT_ORDER: readonly PortRole['kind'][] = [
  'activation',
  'gradient',
  'field',
  'param',
  'rounded',
  'noise',
  'saved',
  'carried',
];

/** The program that computes `outputs`; its inputs are the values it needs, by their roles. */
export function programOf(
  name: string,
  graph: Graph,
  roles: ReadonlyMap<ValueId, PortRole>,
  outputs: readonly RoleValue[],
): Program {
  const wanted = outputs.map(({ value }) => value);
  const part = subgraph(graph, wanted, []);
  const port = ({ role, value }: RoleValue): Port => {
    const { shape, dtype } = present(graph.values[value], `value ${value}`);
    invariant(dtype !== 'bool', () => `port ${roleName(role)} of ${name} holds booleans`);
    return { role, value, shape, dtype };
  };
  const inputs = inputsOf(part, wanted).map((value) =>
    port({ role: present(roles.get(value), `the role of value ${value} in ${name}`), value }),
  );
  const rank = ({ role }: Port): number => PORT_ORDER.indexOf(role.kind);
  return { name, graph: part, inputs: inputs.sort((a, b) => rank(a) - rank(b)), outputs: outputs.map(port) };
}
