// Remote rows: row sets of this process that others write over a connection, as remote-write.ts has it for arrays. A
// set arrives in pieces, in order, and the first piece of one takes the place of what was there. What arrives is
// checked before anything is written: a number of a row becomes an address later.
import { z } from 'zod';
import { invariant } from '../core/invariant.js';
import { FrameError, type Message } from './frame.js';
import type { Peer } from './peer.js';
import { PIECE_ELEMENTS } from './remote-write.js';
import type { Rows, RowSet } from './row-set.js';

/** Type of the messages that carry rows. */
export const ROWS = 'rows';

const rowsSchema = z.object({
  type: z.literal(ROWS),
  place: z.string().max(200),
  after: z.number().int().nonnegative(),
  ids: z.instanceof(Int32Array),
  data: z.instanceof(Float32Array),
});

/** Makes the set at a place of the other side these rows, bit for bit. They may change as soon as this returns. */
export function writeRowsTo(peer: Peer, place: string, { ids, values }: Rows): void {
  const width = ids.length === 0 ? 0 : values.length / ids.length;
  invariant(Number.isInteger(width), () => `${values.length} elements of ${ids.length} rows`);
  const atOnce = Math.max(1, Math.floor(PIECE_ELEMENTS / Math.max(1, width)));
  // No rows at all is a set too.
  for (let after = 0; after === 0 || after < ids.length; after += atOnce)
    peer.send({
      type: ROWS,
      place,
      after,
      ids: ids.subarray(after, after + atOnce),
      data: values.subarray(after * width, (after + atOnce) * width),
    });
}

interface Place {
  readonly writer: string;
  readonly set: RowSet;
}

/** The row sets of this process that are open to others. */
export class RowLandings {
  readonly #places = new Map<string, Place>();

  /** Lets `writer`, and nobody else, write `set`. */
  open(place: string, writer: string, set: RowSet): void {
    this.#places.set(place, { writer, set });
  }

  close(place: string): void {
    this.#places.delete(place);
  }

  closeAll(): void {
    this.#places.clear();
  }

  /**
   * Takes rows that `writer` sent. Those for a place that is not open are dropped: they were on their way when it was
   * closed. Throws a FrameError for a message that is malformed, does not fit its place, names rows that the table has
   * not or not in ascending order, or comes from somebody else than the place is for.
   */
  accept(writer: string, message: Message): void {
    const parsed = rowsSchema.safeParse(message);
    if (!parsed.success) throw new FrameError(`rows are malformed: ${parsed.error.issues[0]?.message ?? ''}`);
    const { place: name, after, ids, data } = parsed.data;
    const place = this.#places.get(name);
    if (place === undefined) return;
    const { set } = place;
    if (place.writer !== writer) throw new FrameError(`${writer} wrote to "${name}", which is for ${place.writer}`);
    const wrong = problemOf(set, after, ids, data);
    if (wrong !== null) throw new FrameError(`${wrong} for "${name}"`);
    const to = set.resize(after + ids.length);
    to.ids.set(ids, after);
    to.values.set(data, after * set.table.width);
  }
}

/** What is wrong with rows behind the first `after` of a set, or null. */
function problemOf(set: RowSet, after: number, ids: Int32Array, data: Float32Array): string | null {
  const { table, capacity } = set;
  if (data.length !== ids.length * table.width)
    return `${data.length} elements arrived as ${ids.length} rows of ${table.width}`;
  if (after + ids.length > capacity) return `${after + ids.length} rows arrived where ${capacity} have room`;
  if (after > 0 && after !== set.count) return `rows ${after}... arrived behind the first ${set.count}`;
  let before = after === 0 ? -1 : (set.all.ids[after - 1] as number);
  for (const id of ids) {
    if (id <= before) return `row ${id} arrived behind row ${before}`;
    if (id >= table.rows) return `row ${id} of ${table.rows} arrived`;
    before = id;
  }
  return null;
}
