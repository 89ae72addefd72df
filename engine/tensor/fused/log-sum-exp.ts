// LogSumExp: a graph in which attention leaves the logarithm of the sum of each row of its soft-max for the backward
// [B, H, T], and not the probabilities [B, H, T, S]: for executors whose attention never has these in memory. What is
// computed is the same; a pass over the graph of a stage, before it is cut.
import { present } from '../../core/invariant.js';
import type { Graph, Node, Value, ValueId } from '../graph.js';
import { flagAttr, numberAttr } from '../ops/attributes.js';
import { at } from '../ops/shapes.js';

/**
 * Where an executor has such attention: `fp32`: on a processor, in float32; `gpu`: on a GPU, in bf16 runs too,
 * without a mask, for heads of some widths.
 */
export type LogSumExpUse = 'fp32' | 'gpu';

/** The attribute of both ops that says so. */
export const LEAVES_LOG_SUM_EXP = 'leavesLogSumExp';

const PROBABILITIES = 5;
const MASK = 3;
/** Of a head, for the kernels of a GPU. */
const WIDTH_STEP = 8;
const LARGEST_WIDTH = 256;

/** The graph with it wherever it can be. */
export function leavingLogSumExp(graph: Graph, use: LogSumExpUse): Graph {
  const values = [...graph.values];
  /** The forward of each value that is left as a logarithm now. */
  const changed = new Map<ValueId, Node>();
  const nodes = graph.nodes.map((node): Node => {
    if (node.op === 'PtAttention' && isFit(node, graph, use)) {
      const left = at(node.outputs, 1);
      changed.set(left, node);
      values[left] = { id: left, shape: valueOf(graph, left).shape.slice(0, 3), dtype: 'float32' };
      return { ...node, attrs: { ...node.attrs, [LEAVES_LOG_SUM_EXP]: true } };
    }
    const forward = node.op === 'PtAttentionGrad' ? changed.get(at(node.inputs, PROBABILITIES)) : undefined;
    if (forward === undefined) return node;
    // The probabilities are computed again, so the mask is needed again.
    const inputs = [...node.inputs, ...forward.inputs.slice(MASK)];
    return { ...node, inputs, attrs: { ...node.attrs, [LEAVES_LOG_SUM_EXP]: true } };
  });
  return { ...graph, values, nodes };
}

/** Nobody else reads the probabilities, and causal attention is that of a square without a mask. */
function isFit({ attrs, inputs, outputs }: Node, graph: Graph, use: LogSumExpUse): boolean {
  if (flagAttr(attrs, 'rounds') && use === 'fp32') return false;
  const [queries, keys] = [valueOf(graph, at(inputs, 0)).shape, valueOf(graph, at(inputs, 1)).shape];
  if (flagAttr(attrs, 'causal') && (queries[1] !== keys[1] || inputs.length > MASK)) return false;
  const width = at(valueOf(graph, at(inputs, 0)).shape, 2) / numberAttr(attrs, 'heads');
  if (use === 'gpu' && (inputs.length > MASK || width % WIDTH_STEP !== 0 || width > LARGEST_WIDTH)) return false;
  const left = at(outputs, 1);
  return graph.nodes.every(
    (node) =>
      !node.inputs.includes(left) || (node.op === 'PtAttentionGrad' && node.inputs.indexOf(left) === PROBABILITIES),
  );
}

const valueOf = (graph: Graph, id: ValueId): Value => present(graph.values[id], `value ${id}`);
