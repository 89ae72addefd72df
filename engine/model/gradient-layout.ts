// GradientLayout: how the gradient of one block is kept: the slab without its row tables, everything that is left one
// behind the other, and the tables by rows. It says which elements of the slab lie where; it holds no memory.
import { RowSet } from '../comm/row-set.js';
import { invariant, present } from '../core/invariant.js';
import { mostRows, type RowTable } from './row-table.js';
import { ALIGNMENT, type SlabEntry, type SlabLayout } from './slab.js';

/** Elements [from, to) of a slab that are kept as they are. */
export interface DenseRun {
  readonly from: number;
  readonly to: number;
  /** Where the first of them lies. */
  readonly at: number;
}

/** A row table within its slab; padding behind it counts as a part of it. */
export interface PlacedTable extends RowTable {
  readonly from: number;
  readonly to: number;
}

export interface GradientLayout {
  /** Elements of the slab. */
  readonly length: number;
  /** Elements that are kept as they are. */
  readonly denseLength: number;
  readonly dense: readonly DenseRun[];
  readonly tables: readonly PlacedTable[];
  /** The parameters that are no tables, by where their gradients lie. */
  readonly entries: readonly SlabEntry[];
}

/** Of a block that is not there. */
export const NO_GRADIENT: GradientLayout = { length: 0, denseLength: 0, dense: [], tables: [], entries: [] };

/** Elements that the sum of a block's gradient over so many micro-batches takes at most. */
export const gradientElements = ({ denseLength, tables }: GradientLayout, microBatches: number): number =>
  tables.reduce((sum, table) => sum + RowSet.size(mostRows(table, microBatches), table.width), denseLength);

/** The layout of a block whose slab has that layout, with these tables. */
export function gradientLayout(slab: SlabLayout, tables: readonly RowTable[]): GradientLayout {
  const placed = tables
    .map((table): PlacedTable => {
      const entry = present(
        slab.entries.find(({ name }) => name === table.name),
        `parameter ${table.name} of block ${table.block}`,
      );
      invariant(entry.size === table.rows * table.width, () => `${entry.size} elements of ${table.name}`);
      return { ...table, from: entry.offset, to: Math.ceil((entry.offset + entry.size) / ALIGNMENT) * ALIGNMENT };
    })
    .sort((a, b) => a.from - b.from);
  const dense: DenseRun[] = [];
  let [from, at] = [0, 0];
  for (const table of [...placed, { from: slab.length, to: slab.length }]) {
    if (table.from > from) dense.push({ from, to: table.from, at });
    at += table.from - from;
    from = table.to;
  }
  const isTable = new Set(placed.map(({ name }) => name));
  const placeOf = (offset: number): number => {
    const run = present(
      dense.find((one) => one.from <= offset && offset < one.to),
      'the place of a parameter',
    );
    return run.at + offset - run.from;
  };
  const entries = slab.entries
    .filter(({ name, size }) => !isTable.has(name) && size > 0)
    .map((entry) => ({ ...entry, offset: placeOf(entry.offset) }));
  return { length: slab.length, denseLength: at, dense, tables: placed, entries };
}
