// RowTable: a parameter of which a micro-batch reads few rows, those that an integer field of the data names, as an
// embedding of many words. Its backward leaves the gradients of the rows that were read, one per index, and nobody
// ever writes down the zeros of all others. A table that is used in any other way as well, or shared with another
// block, as one that is the output matrix too, is none.
import { present } from '../core/invariant.js';
import type { Graph, ValueId } from '../tensor/graph.js';
import type { PortRole } from '../tensor/program.js';
import { sizeOf } from '../tensor/shape.js';
import type { BlockGraph } from './block-graph.js';

export interface RowTable {
  readonly block: number;
  /** Of the parameter. */
  readonly name: string;
  /** The field whose numbers are rows, int32. */
  readonly field: string;
  readonly rows: number;
  /** Elements of a row. */
  readonly width: number;
  /** Numbers of the field in a micro-batch: so many rows have a gradient at most. */
  readonly count: number;
}

/** A value of the graph with what it stands for. */
interface Gradient {
  readonly role: PortRole;
  readonly value: ValueId;
}

/**
 * Rows lie at multiples of so many elements, so that sums of squares, which go by the place of an element in its chunk,
 * stay what they are when rows of zeros are left out (vector-adder.ts).
 */
const WIDTH_UNIT = 8;
/** Tables with fewer rows per number than this are summed as they are: most of their rows are named. */
const ROWS_PER_INDEX = 2;

/**
 * The table whose gradient `gradient` is, and the value that holds the gradients of its rows, one per number of its
 * field; null where it is no such table. `roles` are those of the inputs of the graph.
 */
export function rowTableOf(
  { nodes, values }: Graph,
  roles: ReadonlyMap<ValueId, PortRole>,
  { role, value }: Gradient,
): { readonly table: RowTable; readonly rows: ValueId } | null {
  if (role.kind !== 'paramGrad') return null;
  const node = nodes.find(({ outputs }) => outputs.includes(value));
  if (node?.op !== 'PtEmbeddingGrad') return null;
  const [dy, indices] = node.inputs.map((id) => present(values[id], `value ${id}`));
  const field = indices === undefined ? undefined : roles.get(indices.id);
  if (dy?.dtype !== 'float32' || indices?.dtype !== 'int32' || field?.kind !== 'field') return null;
  const [rows, width, count] = [Number(node.attrs['rows']), dy.shape.at(-1) ?? 0, sizeOf(indices.shape)];
  if (width === 0 || width % WIDTH_UNIT !== 0 || rows < ROWS_PER_INDEX * count) return null;
  return { table: { block: role.block, name: role.name, field: field.name, rows, width, count }, rows: dy.id };
}

/** Rows of a table that the sum over so many micro-batches has at most. */
export const mostRows = ({ rows, count }: Pick<RowTable, 'rows' | 'count'>, microBatches: number): number =>
  Math.min(rows, microBatches * count);

/** The tables of a block that was traced for training. */
export function rowTablesOf({ graph, inputs, backward }: BlockGraph): RowTable[] {
  const roles = new Map(inputs.map(({ role, value }) => [value, role] as const));
  return (backward?.gradients ?? []).flatMap((gradient) => rowTableOf(graph, roles, gradient)?.table ?? []);
}
