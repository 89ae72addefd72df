// Depot: the state of blocks at the coordinator on its way from and to workers of other hosts: what they bring goes
// into the shared memory of the run, where snapshots and checkpoints lie; what they fetch comes from there or from a
// checkpoint. It opens places only for what was ordered, and names no file that a worker names.
import { existsSync } from 'node:fs';
import { FrameError, type Message } from '../comm/frame.js';
import type { Peer } from '../comm/peer.js';
import { Landings } from '../comm/remote-write.js';
import { present } from '../core/invariant.js';
import { blocksOf, type Plan } from '../core/plan.js';
import { LEAST_BYTES } from '../dp/block-store.js';
import { snapshotFile, stateCopyFile } from '../dp/memory-names.js';
import { MappedFile } from '../tensor/mapped-file.js';
import { FetchDesk, fetchSchema, keptPlace, type Part, PARTS } from './state-transfer.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** What the depot has to know of a model. */
export interface ModelState {
  /** Elements of every block's parameters, and of all its optimizer states together. */
  readonly lengths: readonly number[];
  readonly stateLengths: readonly number[];
  /**
   * A block as a checkpoint of the run has it: parameters, and optimizer states one behind the other (zeros where it
   * has none).
   */
  readonly load: (checkpoint: string, block: number) => Readonly<Record<Part, Float32Array>>;
}

export class Depot {
  readonly #folder: string;
  readonly #model: () => ModelState;
  readonly #landings = new Landings();
  readonly #desk = new FetchDesk();
  /** By path; mapped once, because the same files take turns for as long as the run goes on. */
  readonly #files = new Map<string, MappedFile>();

  /** `folder` is the run's, in shared memory. `model` is asked when a worker on another host takes part. */
  constructor(folder: string, model: () => ModelState) {
    this.#folder = folder;
    this.#model = model;
  }

  /**
   * Lets workers bring their blocks for a snapshot. Throws a WorkerError (PT_SHM_FULL) where there is no memory for
   * them.
   */
  expectSnapshot(plan: Plan, workers: readonly string[], version: number): void {
    this.#expect(plan, workers, `snapshot ${version}`, (block, part) =>
      snapshotFile(this.#folder, version, block, part),
    );
  }

  /** As `expectSnapshot`, for a copy of the state as it is now. */
  expectCopy(plan: Plan, workers: readonly string[]): void {
    this.#expect(plan, workers, `copy ${plan.generation}`, (block, part) => stateCopyFile(this.#folder, block, part));
  }

  /** Takes a piece of what a worker brings. Throws a FrameError where it is not what was expected. */
  accept(worker: string, message: Message): void {
    this.#landings.accept(worker, message);
  }

  /** Gives a worker a block that a plan restores. Throws a FrameError for any other wish. */
  serve(plan: Plan | null, message: Message, peer: Peer): void {
    const fetch = fetchSchema.safeParse(message);
    if (!fetch.success) throw new FrameError(`not a fetch: ${fetch.error.issues[0]?.message ?? ''}`);
    const { generation, block } = fetch.data;
    // A wish for a plan that was given up may still be on its way.
    if (plan === null || generation < plan.generation) return;
    if (generation > plan.generation || plan.restore === null || block >= this.#model().lengths.length)
      throw new FrameError(`block ${block} of generation ${generation} is not to be had here`);
    const { restore } = plan;
    if (restore.kind === 'checkpoint')
      return this.#desk.answer(peer, fetch.data, this.#model().load(restore.name, block));
    const read = (part: Part): Float32Array | null => {
      const path = snapshotFile(this.#folder, restore.version, block, part);
      return existsSync(path) ? this.#map(path, this.#length(block, part)) : null;
    };
    this.#desk.answer(peer, fetch.data, { weights: read('weights'), states: read('states') });
  }

  /** The mapped memory goes; nothing may be on its way any more. */
  close(): void {
    this.#landings.closeAll();
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #expect(plan: Plan, workers: readonly string[], name: string, pathOf: (block: number, part: Part) => string): void {
    // One at a time: whatever was expected before is here, or was given up.
    this.#landings.closeAll();
    for (const worker of workers) {
      const { frozen, active, updated } = blocksOf(plan, worker);
      for (const block of [...frozen, ...active])
        for (const part of PARTS)
          if (part === 'weights' || (updated.includes(block) && this.#length(block, part) > 0))
            this.#landings.open(
              keptPlace(name, block, part),
              worker,
              this.#map(pathOf(block, part), this.#length(block, part)),
            );
    }
  }

  #length(block: number, part: Part): number {
    const { lengths, stateLengths } = this.#model();
    return present((part === 'weights' ? lengths : stateLengths)[block], `length of block ${block}`);
  }

  #map(path: string, length: number): Float32Array {
    const bytes = Math.max(LEAST_BYTES, length * BYTES);
    const file =
      this.#files.get(path) ?? (existsSync(path) ? MappedFile.open(path, bytes) : MappedFile.create(path, bytes));
    this.#files.set(path, file);
    return file.float32(0, length);
  }
}
