// MemberMirrors: how the members of a training group on other hosts see each other's sums: each has a mirror of the
// memory of every other one, into which that one writes the shards that are read there. It sums nothing.
import type { Range } from '../comm/chunks.js';
import type { Rows, RowSet } from '../comm/row-set.js';
import type { Holder } from '../core/plan.js';
import type { GradientLayout, PlacedTable } from '../model/gradient-layout.js';
import type { GroupMember } from './group-member.js';
import type { SharedRemote } from './shared-gradients.js';

/** Members on other hosts, as far as an exchange needs them. */
export interface RemoteMembers extends SharedRemote {
  /** Lets `worker` write `mirror`. */
  landRows(place: string, worker: string, mirror: RowSet): void;
  /** As `write`, with rows that take the place of those that were there. */
  writeRows(worker: string, place: string, rows: Rows): void;
}

export interface MemberMirrorsOptions {
  readonly generation: number;
  readonly me: GroupMember;
  readonly layoutOf: (block: number) => GradientLayout;
  readonly remote: RemoteMembers;
}

export class MemberMirrors {
  readonly #options: MemberMirrorsOptions;

  constructor(options: MemberMirrorsOptions) {
    this.#options = options;
  }

  /** Lets a member on another host write into its mirror. */
  land(member: GroupMember): void {
    const { remote, me } = this.#options;
    const { worker } = member.holder;
    const name = this.#nameOf(member.holder, me.holder);
    remote.land(name, worker, member.mirror());
    for (const { place, rows } of this.#rowPlaces(member, name)) remote.landRows(place, worker, rows);
  }

  /** Sends what one part of this member's memory has of a shard to the mirror of it at a peer. */
  send({ holder }: GroupMember, part: number, block: number, shard: Range): void {
    const { remote, layoutOf, me } = this.#options;
    const mirror = this.#nameOf(me.holder, holder);
    for (const run of layoutOf(block).dense) {
      const { from, to } = overlap(run, shard);
      const at = me.denseAt(part, block, run.at + from - run.from);
      if (to > from) remote.write(holder.worker, mirror, me.range(at, to - from), at);
    }
    for (const { table, rows } of me.tables(part, block)) {
      const { from, to } = rowsIn(table, shard);
      if (to > from) remote.writeRows(holder.worker, rowsPlace(mirror, part, table), rows.between(from, to));
    }
  }

  /** A member may not write any more. */
  leave(member: GroupMember): void {
    const { remote, me } = this.#options;
    const name = this.#nameOf(member.holder, me.holder);
    remote.leave(name);
    for (const { place } of this.#rowPlaces(member, name)) remote.leave(place);
  }

  /** The row sets of a member, and the names by which they are written at `mirror`. */
  #rowPlaces(member: GroupMember, mirror: string): { readonly place: string; readonly rows: RowSet }[] {
    return Array.from({ length: member.reduced + 1 }, (_, part) =>
      member.tables(part).map(({ table, rows }) => ({ place: rowsPlace(mirror, part, table), rows })),
    ).flat();
  }

  /** The name of the mirror of a member at another one. */
  #nameOf(of: Holder, at: Holder): string {
    return `gradients ${this.#options.generation} ${of.worker} ${of.stage} ${at.stage}`;
  }
}

/** What two ranges have in common; nothing where `to` is not above `from`. */
export const overlap = (a: Range, b: Range): Range => ({ from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) });

/** The rows of a table of which elements are in a range of the slab. */
export function rowsIn(table: PlacedTable, shard: Range): Range {
  const { from, to } = overlap(table, shard);
  if (to <= from) return { from: 0, to: 0 };
  return {
    from: Math.floor((from - table.from) / table.width),
    to: Math.min(table.rows, Math.ceil((to - table.from) / table.width)),
  };
}

/** Where a row set of a part is written, at a mirror: a table is named by its block and its place in the slab. */
const rowsPlace = (mirror: string, part: number, { block, from }: PlacedTable): string =>
  `${mirror} rows ${part} ${block} ${from}`;
