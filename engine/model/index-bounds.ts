// IndexBounds: whether what a block looks up by a field of the data is as large as that field's numbers ask for. Some
// devices read on silently behind the end of a table. Numbers that are computed are looked at where they are used.
import { ModelError } from '../core/errors.js';
import { present } from '../core/invariant.js';
import type { DataInfo } from '../data/dataset.js';
import type { Graph, Node, ValueId } from '../tensor/graph.js';
import { normalAxis, numberAttr } from '../tensor/ops/attributes.js';
import type { Shape } from '../tensor/shape.js';
import type { BlockGraph } from './block-graph.js';

/** Ops that hand on the numbers that they are given. */
const SAME_NUMBERS = new Set(['Reshape', 'ExpandDims', 'Identity', 'Transpose', 'Slice']);

/** Throws a ModelError (PT_MODEL_DATA) that begins with `label` and names both numbers. */
export function requireIndexBounds(label: string, { graph, inputs }: BlockGraph, data: DataInfo): void {
  const bounds: Readonly<Record<string, number | null>> = {
    tokens: data.vocabulary,
    targets: data.vocabulary,
    label: data.classes,
  };
  for (const { role, value } of inputs) {
    const count = role.kind === 'field' ? (bounds[role.name] ?? null) : null;
    if (role.kind !== 'field' || count === null) continue;
    const small = sizesOver(graph, value).find((size) => size < count);
    if (small !== undefined)
      throw new ModelError(
        'PT_MODEL_DATA',
        `${label} has ${small} places for the field "${role.name}", whose numbers go from 0 to ${count - 1}`,
        `Give it ${count} places: build() is told so many by data.${role.name === 'label' ? 'classes' : 'vocabulary'}.`,
      );
  }
}

/** Sizes of the axes that these numbers look up in. */
function sizesOver(graph: Graph, value: ValueId): number[] {
  const same = new Set([value]);
  const sizes: number[] = [];
  for (const node of graph.nodes) {
    if (SAME_NUMBERS.has(node.op) && same.has(node.inputs[0] ?? -1)) for (const out of node.outputs) same.add(out);
    const lookUp = lookUpOf(node, (id) => present(graph.values[id], `value ${id}`).shape);
    if (lookUp !== null && same.has(lookUp.indices)) sizes.push(lookUp.size);
  }
  return sizes;
}

function lookUpOf({ op, inputs, attrs }: Node, shapeOf: (id: ValueId) => Shape) {
  const [first, second] = inputs;
  if (first === undefined || second === undefined) return null;
  const size = (shape: Shape, axis: number): number => shape[normalAxis(axis, shape.length)] ?? 0;
  switch (op) {
    case 'PtEmbedding':
      return { indices: first, size: size(shapeOf(second), 0) };
    case 'PtCrossEntropy':
      return { indices: second, size: size(shapeOf(first), -1) };
    case 'GatherV2':
      return { indices: second, size: size(shapeOf(first), numberAttr(attrs, 'axis')) };
    default:
      return null;
  }
}
