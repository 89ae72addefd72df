// PlanBlocks: brings the state of every block that a plan gives this worker here: from its own memory, from that of a
// worker on this host or another, or restored from a snapshot or checkpoint. It gives nothing back: until the plan is
// in force others may copy from what lies here.
import { join } from 'node:path';
import { loadBlock } from '../checkpoint/checkpoint.js';
import { present } from '../core/invariant.js';
import { blocksOf, isUpdated, type Plan, type Restore } from '../core/plan.js';
import type { BlockStore } from '../dp/block-store.js';
import { becomeIdentity } from '../model/identity-block.js';
import type { StateTransfer } from '../state/state-transfer.js';
import type { Place, Subject } from './equipment.js';
import type { Neighbours } from './neighbours.js';
import { remakeFolder } from './worker-memory.js';

/** Writes the state of a block; see `BlockStore.restore`. */
type Fill = Parameters<BlockStore['restore']>[2];

export interface PlanBlocksOptions {
  readonly subject: Subject;
  readonly place: Place;
  readonly neighbours: Neighbours;
  /** For what comes from other hosts. */
  readonly transfer: StateTransfer;
}

export class PlanBlocks {
  readonly #options: PlanBlocksOptions;
  /** Blocks of whose initial values this worker has drawn a share only, and all that draw one, in order. */
  readonly #shared = new Map<number, readonly string[]>();

  constructor(options: PlanBlocksOptions) {
    this.#options = options;
  }

  /**
   * Brings every block of the plan here; resolves to the bytes that moved. Rejects with a WorkerError where a worker
   * that has a block is gone (PT_UNREACHABLE, PT_PEER_LOST), or there is no memory (PT_SHM_FULL).
   */
  async bring(plan: Plan): Promise<number> {
    const { place, neighbours, subject } = this.#options;
    this.#shared.clear();
    const { frozen, active, updated } = blocksOf(plan, place.worker);
    const blocks = [...frozen, ...active];
    const bring = plan.restore === null ? this.#copying(plan) : this.#restoring(plan.generation, plan.restore);
    await neighbours.connect([...new Set(blocks.flatMap((block) => this.#remoteSource(plan, block) ?? []))]);
    let movedBytes = 0;
    for (const block of blocks) movedBytes += await bring(block, updated.includes(block));
    if (plan.growth?.asIdentity === true)
      for (const { block } of plan.growth.born.filter((one) => active.includes(one.block)))
        becomeIdentity(present(subject.model.blocks[block], 'block'), {
          layout: present(subject.layouts[block], 'layout'),
          ...place.store.parts(block),
        });
    return movedBytes;
  }

  /**
   * Brings what other workers have drawn of initial values; they have brought their own shares, and nothing was
   * trained. Throws a WorkerError where one of them is gone.
   */
  complete(): void {
    const { place, neighbours } = this.#options;
    for (const [block, workers] of this.#shared)
      for (const [index, worker] of workers.entries())
        if (worker !== place.worker)
          neighbours.mapping(worker, () => place.store.takeDrawn(block, worker, { index, of: workers.length }));
    this.#shared.clear();
  }

  /** From whoever held the block in the plan before. */
  #copying(plan: Plan): (block: number, trains: boolean) => Promise<number> | number {
    const { place, transfer, neighbours } = this.#options;
    return (block, trains) => {
      const worker = plan.sources[block] ?? null;
      if (worker === null) return this.#draw(plan, block, trains);
      const like = plan.growth?.born.find((one) => one.block === block)?.like;
      const trained = isUpdated(plan, plan.frozenBefore, block);
      const source = { worker, trained, ...(like === undefined ? {} : { like }) };
      if (this.#remoteSource(plan, block) !== null) return transfer.hold(plan.generation, block, source, trains);
      return neighbours.mapping(worker, () => place.store.hold(block, source, trains));
    };
  }

  /** Nobody has the block: those that need it and share memory draw a part of it each. */
  #draw(plan: Plan, block: number, trains: boolean): number {
    const { place, neighbours } = this.#options;
    if (place.store.blocks.includes(block)) return place.store.hold(block, null, trains);
    const workers = keepersOf(plan, block).filter(
      (worker) => worker === place.worker || neighbours.sharesMemory(worker),
    );
    if (workers.length > 1) this.#shared.set(block, workers);
    return place.store.hold(block, null, trains, { index: workers.indexOf(place.worker), of: workers.length });
  }

  /** From where the coordinator's host keeps it. */
  #restoring(generation: number, restore: Restore): (block: number, trains: boolean) => Promise<number> | number {
    const { place, transfer } = this.#options;
    remakeFolder(place, place.worker);
    const fill = this.#filler(restore);
    if (!place.isHome || fill === null) return (block, trains) => transfer.restore(generation, block, trains);
    return (block, trains) => place.store.restore(block, trains, fill);
  }

  /** Null where the state lies in files that this worker knows nothing of. */
  #filler(restore: Restore): Fill | null {
    const { subject, place } = this.#options;
    if (restore.kind === 'snapshot') return place.store.readSnapshot(restore.version);
    if (place.checkpoints == null) return null;
    const folder = join(place.checkpoints, restore.name);
    return (index, weights, states) => {
      const layouts = place.store.stateLayouts(index);
      const placed = states.map((values, i) => ({ values, layout: present(layouts[i], 'layout of a state') }));
      loadBlock(folder, index, subject.model, present(subject.layouts[index], 'layout'), weights, placed);
    };
  }

  /** The worker on another host that a block comes from, or null. Where state is restored, it may be gone. */
  #remoteSource({ restore, sources }: Plan, block: number): string | null {
    const source = restore === null ? (sources[block] ?? null) : null;
    return source === null || this.#options.neighbours.sharesMemory(source) ? null : source;
  }
}

/** The workers that hold a block by a plan, each once, in order. */
const keepersOf = (plan: Plan, block: number): string[] =>
  [...new Set(plan.replicas.flatMap(({ stages }) => stages.map(({ worker }) => worker)))].filter((worker) => {
    const { frozen, active } = blocksOf(plan, worker);
    return frozen.includes(block) || active.includes(block);
  });
