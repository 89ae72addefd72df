// Cutting a graph by reachability: which nodes a set of outputs needs, and which values a forward must leave for a
// backward. Cutting never changes a node, so it never changes a bit.
import { present } from '../core/invariant.js';
import type { Graph, Node, ValueId } from './graph.js';

/** The same numbers under another shape or in more bytes: never worth saving, done again where it is needed. */
const VIEWS = new Set(['Reshape', 'ExpandDims', 'PtWiden']);

/**
 * Cheaper to do again than to keep, as long as what they read is there anyway. A layer norm is done again from its
 * input, which its gradient needs in any case, and a GELU from its own: both are one pass over memory beside matrix
 * products, and together they are a third of a layer's tensors.
 */
const CHEAP = new Set([
  'PtLayerNorm',
  'PtGelu',
  'Transpose',
  'Tile',
  'BroadcastTo',
  'Cast',
  'Slice',
  'OneHot',
  'Equal',
  'NotEqual',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
  'LogicalNot',
  'LogicalXor',
]);

/** The part of a graph that computes `outputs` when the values `given` are known: they become inputs of the part. */
export function subgraph(graph: Graph, outputs: readonly ValueId[], given: readonly ValueId[]): Graph {
  const known = new Set(given);
  const needed = new Set(outputs.filter((id) => !known.has(id)));
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((id) => needed.has(id))) continue;
    for (const id of node.inputs) if (!known.has(id)) needed.add(id);
    nodes.push(node);
  }
  const literals = graph.literals.filter(({ id }) => needed.has(id));
  return { values: graph.values, literals, nodes: nodes.reverse() };
}

/** The values that a graph reads without defining them, in order of id; `outputs` count as read. */
export function inputsOf(graph: Graph, outputs: readonly ValueId[]): readonly ValueId[] {
  const defined = new Set([...graph.literals.map(({ id }) => id), ...graph.nodes.flatMap((node) => node.outputs)]);
  const read = new Set([...outputs, ...graph.nodes.flatMap((node) => node.inputs)]);
  return [...read].filter((id) => !defined.has(id)).sort((a, b) => a - b);
}

/**
 * The values of the first `numForwardNodes` nodes that must be saved so that `outputs` can be computed later from them
 * and the inputs of the graph. Views and, where their operands are available, cheap ops are left to be done again. In
 * order of computation.
 */
export function savedValues(graph: Graph, numForwardNodes: number, outputs: readonly ValueId[]): readonly ValueId[] {
  const forward = graph.nodes.slice(0, numForwardNodes);
  const producers = new Map(forward.flatMap((node) => node.outputs.map((id) => [id, node] as const)));
  const backward = subgraph({ ...graph, nodes: graph.nodes.slice(numForwardNodes) }, outputs, []);

  const candidates = new Set<ValueId>();
  const want = (id: ValueId): void => {
    const node = producers.get(id);
    if (node === undefined || node.inputs.length === 0) return;
    if (VIEWS.has(node.op)) node.inputs.forEach(want);
    else candidates.add(id);
  };
  for (const id of [...outputs, ...backward.nodes.flatMap((node) => node.inputs)]) want(id);

  const isAvailable = (id: ValueId): boolean => {
    if (candidates.has(id)) return true;
    const node = producers.get(id);
    return node === undefined || node.inputs.length === 0 || (VIEWS.has(node.op) && node.inputs.every(isAvailable));
  };
  const isRedone = (id: ValueId): boolean => {
    const node = present(producers.get(id), `the node of value ${id}`);
    // What was rounded is done again where what was rounded is.
    if (node.op === 'PtRound') return node.inputs.every((input) => isAvailable(input) || isRedone(input));
    return CHEAP.has(node.op) && node.inputs.every(isAvailable);
  };
  return forward.flatMap((node) => node.outputs).filter((id) => candidates.has(id) && !isRedone(id));
}
