// StageUpdates: the optimizer's work on one stage: every shard of a reduced gradient tied to the parameters and the
// optimizer states it updates. When a step is committed is not its business.
import { present } from '../core/invariant.js';
import type { GradientExchange, ReducedShard } from '../dp/gradient-exchange.js';
import type { SlabLayout } from '../model/slab.js';
import type { Order } from '../protocol/messages.js';
import type { Vector } from '../tensor/device-memory.js';
import type { BoundUpdate, Optimizer } from '../tensor/optimizer.js';

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

type Segments = SlabLayout['segments'];

export class StageUpdates {
  /** `block` is the one whose learning rate counts. */
  readonly #updates: readonly { readonly block: number; readonly bound: BoundUpdate }[];

  constructor(options: StageUpdatesOptions) {
    const { blocks, exchange } = options;
    this.#updates = blocks.flatMap((block) =>
      exchange.shards(block).map((shard) => ({
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

/** The segments within the elements [from, to) of a slab, counted from `from`. */
function clipped(segments: Segments, from: number, to: number): Segments {
  return segments.flatMap(({ offset, length, decays }) => {
    const begin = Math.max(offset, from);
    const end = Math.min(offset + length, to);
    return end > begin ? [{ offset: begin - from, length: end - begin, decays }] : [];
  });
}
