// SavedTensors: what one program of a stage leaves for a later one: the forward for the backward (`saved`), the first
// half of a split backward for the second (`carried`). Booleans travel as integers, since no buffer holds booleans.
import { present } from '../core/invariant.js';
import { inputsOf, subgraph } from '../tensor/cut.js';
import type { Graph, Node, Value, ValueId } from '../tensor/graph.js';
import type { PortRole } from '../tensor/program.js';
import { type DType, tensorBytes } from '../tensor/shape.js';
import type { RoleValue } from './stage-graph.js';

const castNode = (from: ValueId, to: ValueId, dtype: DType): Node => ({
  op: 'Cast',
  inputs: [from],
  outputs: [to],
  attrs: { dtype },
});

/** Of a value as it is stored. */
const bytesOf = ({ shape, dtype }: Value): number => tensorBytes({ shape, dtype: dtype === 'bool' ? 'int32' : dtype });

export class SavedTensors {
  /** The saved values as they cross the border, numbered in order of computation. */
  readonly outputs: readonly RoleValue[];
  /** Size of all of them. */
  readonly bytes: number;
  /** The graph, extended by the values as they cross the border. */
  readonly forward: Graph;
  readonly #graph: Graph;
  readonly #saved: readonly { readonly value: ValueId; readonly stored: ValueId }[];

  constructor(graph: Graph, saved: readonly ValueId[], kind: 'saved' | 'carried' = 'saved') {
    const values = [...graph.values];
    const casts: Node[] = [];
    this.#saved = saved.map((value) => {
      const { shape, dtype } = present(values[value], `value ${value}`);
      if (dtype !== 'bool') return { value, stored: value };
      const stored = values.length;
      values.push({ id: stored, shape, dtype: 'int32' });
      casts.push(castNode(value, stored, 'int32'));
      return { value, stored };
    });
    this.#graph = { ...graph, values };
    this.forward = { ...this.#graph, nodes: [...graph.nodes, ...casts] };
    this.outputs = this.#saved.map(({ stored }, id) => ({ role: { kind, id }, value: stored }));
    this.bytes = this.#saved.reduce((sum, { stored }) => sum + bytesOf(present(values[stored], `value ${stored}`)), 0);
  }

  /** What the inputs of a backward stand for, given the roles of the inputs of the stage. */
  roles(stage: ReadonlyMap<ValueId, PortRole>): ReadonlyMap<ValueId, PortRole> {
    return new Map([...stage, ...this.outputs.map(({ role, value }) => [value, role] as const)]);
  }

  /** The part of the graph that computes `outputs` from what was saved. */
  backward(outputs: readonly ValueId[]): Graph {
    const part = subgraph(
      this.#graph,
      outputs,
      this.#saved.map(({ value }) => value),
    );
    const read = new Set(inputsOf(part, outputs));
    const casts = this.#saved
      .filter(({ value, stored }) => value !== stored && read.has(value))
      .map(({ value, stored }) => castNode(stored, value, 'bool'));
    return { ...part, nodes: [...casts, ...part.nodes] };
  }
}
