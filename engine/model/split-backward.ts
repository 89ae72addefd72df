// SplitBackward: the backward of a stage cut in two for schedules that delay weight gradients: I computes the gradient
// for the stage below, W those of the parameters from what I carries over. Together they do exactly the work of the
// whole backward, and give the same bits.
import { savedValues, subgraph } from '../tensor/cut.js';
import type { Graph, ValueId } from '../tensor/graph.js';
import type { PortRole, Program } from '../tensor/program.js';
import { SavedTensors } from './saved-tensors.js';
import { programOf, type RoleValue } from './stage-graph.js';

export interface SplitBackward {
  /**
   * I: the gradient for the stage below and what W needs of its work; null where nobody wants that gradient: then all
   * is left to W.
   */
  readonly input: Program | null;
  /** W: the gradient of every parameter of the stage, from saved and carried tensors. */
  readonly weight: Program;
  /** Size of the tensors that one micro-batch keeps from I to W, bytes. */
  readonly carriedBytes: number;
}

/** Cuts `backward`, the graph that computes all of `gradients`. `roles` say what its inputs stand for. */
export function splitBackward(
  names: { readonly input: string; readonly weight: string },
  backward: Graph,
  roles: ReadonlyMap<ValueId, PortRole>,
  gradients: readonly RoleValue[],
): SplitBackward {
  const below = gradients.filter(({ role }) => role.kind === 'gradient');
  const parameters = gradients.filter(({ role }) => role.kind !== 'gradient');
  const valuesOf = (list: readonly RoleValue[]): ValueId[] => list.map(({ value }) => value);
  if (below.length === 0)
    return { input: null, weight: programOf(names.weight, backward, roles, parameters), carriedBytes: 0 };
  const early = new Set(subgraph(backward, valuesOf(below), []).nodes);
  const ordered: Graph = {
    ...backward,
    nodes: [...backward.nodes.filter((node) => early.has(node)), ...backward.nodes.filter((node) => !early.has(node))],
  };
  const carried = new SavedTensors(ordered, savedValues(ordered, early.size, valuesOf(parameters)), 'carried');
  return {
    input: programOf(names.input, carried.forward, roles, [...below, ...carried.outputs]),
    weight: programOf(names.weight, carried.backward(valuesOf(parameters)), carried.roles(roles), parameters),
    carriedBytes: carried.bytes,
  };
}
