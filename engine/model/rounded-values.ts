// RoundedValues: which values of a block a bf16 run rounds, for everybody that reads them: what goes into an op that
// rounds or comes out of one, the output of the block and the gradient for the block below. It reads the graph and
// changes nothing.
import { present } from '../core/invariant.js';
import type { Graph, Node, ValueId } from '../tensor/graph.js';
import { definitionOf } from '../tensor/ops/table.js';
import type { BlockGraph } from './block-graph.js';

/** The same numbers in another order or shape: rounding commutes with them, and is done before them. */
export const SAME_NUMBERS: ReadonlySet<string> = new Set(['Reshape', 'ExpandDims', 'Transpose', 'Identity']);

/** What a call multiplies. */
export function operandsOf({ op, inputs }: Node): readonly ValueId[] {
  const operands = definitionOf(op).rounds?.operands ?? [];
  return operands === 'all' ? inputs : operands.flatMap((i) => inputs[i] ?? []);
}

/** What a call leaves as activations. */
const resultsOf = ({ op, outputs }: Node): readonly ValueId[] =>
  (definitionOf(op).rounds?.results ?? []).map((i) => present(outputs[i], `output ${i} of ${op}`));

/** `keepsOutput`: the output of the block stays as it is, for the loss. */
export function roundedValues(block: BlockGraph, keepsOutput: boolean): ReadonlySet<ValueId> {
  const { graph, output, backward, inputs } = block;
  const numForward = backward?.numForwardNodes ?? graph.nodes.length;
  const [early, late] = [graph.nodes.slice(0, numForward), graph.nodes.slice(numForward)];
  const sourceOf = sources(graph);
  const given = new Set(inputs.filter(({ role }) => role.kind !== 'activation').map(({ value }) => value));
  const rounds = (id: ValueId): boolean => !given.has(id) && graph.values[id]?.dtype === 'float32';

  // In the forward all follows from the forward, so that it is the same with and without a backward.
  const kept = keepsOutput ? sourceOf(output) : null;
  const forward = [
    ...(keepsOutput ? [] : [output]),
    ...early.flatMap(operandsOf),
    ...early.flatMap(resultsOf).filter((id) => id !== kept),
  ].map(sourceOf);
  if (backward === null) return new Set(forward.filter(rounds));

  const computed = new Set(early.flatMap((node) => node.outputs));
  const below = backward.gradients.flatMap(({ role, value }) => (role.kind === 'gradient' ? [value] : []));
  const travels = travelling(late, below);
  const backwards = [...below, ...late.flatMap(operandsOf), ...late.flatMap(resultsOf).filter((id) => travels.has(id))]
    .map(sourceOf)
    .filter((id) => !computed.has(id));
  return new Set([...forward, ...backwards].filter(rounds));
}

/** The value that one is another view of; itself where it is none. */
function sources({ nodes }: Graph): (id: ValueId) => ValueId {
  const views = new Map(
    nodes.flatMap(({ op, inputs, outputs }) =>
      SAME_NUMBERS.has(op) ? [[present(outputs[0], 'a view'), present(inputs[0], 'what it views')] as const] : [],
    ),
  );
  return (id) => {
    let source = id;
    for (let below = views.get(source); below !== undefined; below = views.get(source)) source = below;
    return source;
  };
}

/**
 * Values of a backward that reach another product or the block below. A product that ends in the gradient of a
 * parameter, and nowhere else, is no activation: it stays a sum in float32.
 */
function travelling(nodes: readonly Node[], below: readonly ValueId[]): ReadonlySet<ValueId> {
  const travels = new Set(below);
  for (const node of nodes.toReversed()) {
    const isOnTheWay = node.outputs.some((id) => travels.has(id));
    const operands = new Set(operandsOf(node));
    for (const id of node.inputs) if (isOnTheWay || operands.has(id)) travels.add(id);
  }
  return travels;
}
