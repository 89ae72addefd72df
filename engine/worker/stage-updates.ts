// StageUpdates: the optimizer's work on one stage: every shard of a reduced gradient tied to the parameters and the
// optimizer states it updates. When a step is committed is not its business.
import { present } from '../core/invariant.js';
import type { GradientExchange, ReducedShard } from '../dp/gradient-exchange.js';
import type { SlabLayout } from '../model/slab.js';
import type { Order } from '../protocol/messages.js';
import { isOnDevice, type Vector } from '../tensor/device-memory.js';
import { type BoundUpdate, type Optimizer, stateLayouts } from '../tensor/optimizer.js';

/** The parameters and optimizer states of blocks, where they are computed with. */
export interface BlockVectors {
  weights(block: number): Vector;
  states(block: number): readonly Vector[];
}

export interface StageUpdatesOptions {
  /** Those of the stage, and frozen ones that share a parameter with a block that trains. */
  readonly blocks: readonly number[];
  readonly layouts: readonly SlabLayout[];
  readonly store: BlockVectors;
  readonly optimizer: Optimizer;
  /** Says where the shards of a block lie. */
  readonly exchange: Pick<GradientExchange, 'shards'>;
}

interface BlockUpdate {
  /** The one whose learning rate counts. */
  readonly block: number;
  readonly bound: BoundUpdate;
}

type Segments = SlabLayout['segments'];

export class StageUpdates {
  readonly #updates: readonly BlockUpdate[];

  constructor(options: StageUpdatesOptions) {
    const { blocks, exchange } = options;
    this.#updates = blocks.flatMap((block) =>
      options.optimizer.isWhole
        ? bindWhole(options, block)
        : exchange.shards(block).map((shard) => ({
            block: ('data' in shard ? shard.of : undefined) ?? block,
            bound: bind(options, block, shard),
          })),
    );
  }

  /** Applies the update of a committed step; its reduction must be settled. */
  apply(commit: Extract<Order, { type: 'commit' }>): void {
    for (const { block, bound } of this.#updates) {
      const { learningRate, gradientScale } = commit;
      const updateCount = commit.counts?.[block] ?? commit.updateCount;
      bound.run({ learningRate: learningRate * (commit.rates?.[block] ?? 1), gradientScale, updateCount });
    }
  }

  free(): void {
    for (const { bound } of this.#updates) bound.free();
  }
}

function bind({ store, optimizer, layouts }: StageUpdatesOptions, block: number, shard: ReducedShard): BoundUpdate {
  const { from, to } = shard;
  const segments = clipped(present(layouts[block], `layout of block ${block}`).segments, from, to);
  const states = store.states(block).map((state) => state.subarray(from, to));
  const weights = store.weights(block).subarray(from, to);
  if ('data' in shard) return optimizer.bind(weights, shard.data, states, segments);
  const { table, rows } = shard;
  // Whoever keeps gradients by rows computes in the host's memory.
  return optimizer.bindRows(
    weights as Float32Array,
    { width: table.width, first: from - table.from, rows: () => rows.all },
    states as Float32Array[],
    segments,
  );
}

/**
 * The parameters of a block that have a gradient, by the block whose learning rate counts: a frozen block has none but
 * those that it shares.
 */
function bindWhole({ store, optimizer, layouts, exchange }: StageUpdatesOptions, block: number): BlockUpdate[] {
  const layout = present(layouts[block], `layout of block ${block}`);
  const states = stateLayouts(optimizer.spec, layout);
  const shards = exchange.shards(block);
  const owned = layout.entries.flatMap((entry, index) => {
    const shard = shards.find(({ from, to }) => from < entry.offset + entry.size && entry.offset < to);
    return shard === undefined ? [] : [{ entry, index, owner: ('data' in shard ? shard.of : undefined) ?? block }];
  });
  return [...new Set(owned.map(({ owner }) => owner))].map((owner) => {
    const own = owned.filter((one) => one.owner === owner);
    const bound = optimizer.bindWhole({
      entries: own.map(({ entry }) => entry),
      weights: store.weights(block),
      states: store.states(block),
      layouts: states.map(({ length, entries }) => ({
        length,
        entries: own.map(({ index }) => present(entries[index], 'a parameter in a state')),
      })),
      gradient(offset, into) {
        into.fill(0);
        for (const shard of shards) copyGradient(shard, offset, into);
      },
    });
    return { block: owner, bound };
  });
}

/** What a shard has of elements `offset`... of the slab, without rows of zeros. */
function copyGradient(shard: ReducedShard, offset: number, into: Float32Array): void {
  const [from, to] = [Math.max(shard.from, offset), Math.min(shard.to, offset + into.length)];
  if (from >= to) return;
  if ('data' in shard) {
    const [data, place] = [
      shard.data.subarray(from - shard.from, to - shard.from),
      into.subarray(from - offset, to - offset),
    ];
    if (isOnDevice(data)) data.download(place);
    else place.set(data);
    return;
  }
  const { table, rows } = shard;
  const { ids, values } = rows.all;
  for (const [i, id] of ids.entries()) {
    const row = table.from + id * table.width;
    const [begin, end] = [Math.max(from, row), Math.min(to, row + table.width)];
    if (begin < end)
      into.set(values.subarray(i * table.width + begin - row, i * table.width + end - row), begin - offset);
  }
}

/** The segments within the elements [from, to) of a slab, counted from `from`. */
function clipped(segments: Segments, from: number, to: number): Segments {
  return segments.flatMap(({ offset, length, decays }) => {
    const begin = Math.max(offset, from);
    const end = Math.min(offset + length, to);
    return end > begin ? [{ offset: begin - from, length: end - begin, decays }] : [];
  });
}
