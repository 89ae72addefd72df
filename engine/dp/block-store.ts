// BlockStore: the parameters and optimizer states of the blocks that one worker holds, in shared memory, so that
// another worker of the host copies them straight from here. Workers of other hosts are served by state-transfer.ts. It
// knows nothing of plans; a block it holds either trains (has states) or is frozen (has none).
import { existsSync } from 'node:fs';
import { invariant, present } from '../core/invariant.js';
import type { Block } from '../model/block.js';
import { drawnRanges, type DrawnShare, initializeSlab, type SlabLayout } from '../model/slab.js';
import { MappedFile } from '../tensor/mapped-file.js';
import { type MemoryCopy, readMemory, writeMemory } from '../tensor/memory-copy.js';
import type { StateLayout } from '../tensor/optimizer.js';
import { snapshotFile, stateCopyFile, statesFile, weightsFile } from './memory-names.js';

const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** A block without parameters has a file all the same, so that nobody needs a special case; no file can be empty. */
export const LEAST_BYTES = 64;

interface Held {
  readonly weights: MappedFile;
  states: MappedFile | null;
}

export interface BlockStoreOptions {
  readonly folder: string;
  readonly worker: string;
  readonly blocks: readonly Block[];
  readonly layouts: readonly SlabLayout[];
  /** Of every optimizer state of every block, by block. */
  readonly stateLayouts: readonly (readonly StateLayout[])[];
  readonly seed: number;
}

/** Who held a block under the plan before, and whether it trained there: then it has optimizer states. */
export interface BlockSeat {
  readonly worker: string;
  readonly trained: boolean;
  /** Another block whose state this one starts from; default: itself. */
  readonly like?: number;
}

export class BlockStore {
  readonly #options: BlockStoreOptions;
  readonly #held = new Map<number, Held>();

  constructor(options: BlockStoreOptions) {
    this.#options = options;
  }

  /** Blocks held now, ascending. */
  get blocks(): number[] {
    return [...this.#held.keys()].sort((a, b) => a - b);
  }

  /**
   * Makes sure a block is here: kept where it is held already, else copied from `source` (whose memory is this one),
   * else started from its initial values; of what is drawn for those only a share where one is named. Returns the bytes
   * that were copied.
   */
  hold(block: number, source: BlockSeat | null, trains: boolean, share?: DrawnShare): number {
    const { folder, worker } = this.#options;
    const { weights, states } = this.makeRoom(block, trains);
    const origin = source?.like ?? block;
    let moved = 0;
    if (weights !== null) {
      if (source === null)
        initializeSlab(
          present(this.#options.blocks[block], `block ${block}`),
          this.#layout(block),
          this.#options.seed,
          weights,
          share,
        );
      else moved += copyFrom(weightsFile(folder, source.worker, origin), weights);
    }
    // Where its copy was frozen, states start at zero, as the new file does: the source may be making its own just now.
    if (states !== null && source?.trained === true && (source.worker !== worker || origin !== block))
      moved += copyFrom(statesFile(folder, source.worker, origin), states);
    return moved;
  }

  /** Copies what `worker`, whose memory is this one, has drawn as its share of the initial values of a block. */
  takeDrawn(block: number, worker: string, share: DrawnShare): void {
    const path = weightsFile(this.#options.folder, worker, block);
    const weights = this.weights(block);
    for (const { from, to } of drawnRanges(present(this.#options.blocks[block], 'block'), this.#layout(block), share))
      readMemory(path, from * BYTES, weights.subarray(from, to));
  }

  /**
   * Makes memory for a block, as far as there is none yet. Returns the arrays that are new, all zeros: parameters, and
   * optimizer states one behind the other.
   */
  makeRoom(
    block: number,
    trains: boolean,
  ): { readonly weights: Float32Array | null; readonly states: Float32Array | null } {
    const { length } = this.#layout(block);
    const numFloats = this.#stateElements(block);
    const known = this.#held.get(block);
    const held = known ?? { weights: this.#create(weightsFile, block, length), states: null };
    this.#held.set(block, held);
    const states =
      trains && held.states === null && numFloats > 0
        ? (held.states = this.#create(statesFile, block, numFloats))
        : null;
    return {
      weights: known === undefined ? held.weights.float32(0, length) : null,
      states: states?.float32(0, numFloats) ?? null,
    };
  }

  /**
   * The memory of a block that is held: parameters, and optimizer states one behind the other; null where it does not
   * train.
   */
  parts(block: number): { readonly weights: Float32Array; readonly states: Float32Array | null } {
    return {
      weights: this.weights(block),
      states: this.#get(block).states?.float32(0, this.#stateElements(block)) ?? null,
    };
  }

  /**
   * Makes sure a block is here in a state that `fill` writes: restored from a snapshot or a checkpoint, whatever it
   * held before. Returns the bytes written.
   */
  restore(
    block: number,
    trains: boolean,
    fill: (block: number, weights: Float32Array, states: readonly Float32Array[]) => void,
  ): number {
    this.dropGone(block);
    this.makeRoom(block, trains);
    const states = trains ? this.states(block) : [];
    fill(block, this.weights(block), states);
    return states.reduce((sum, { length }) => sum + length, this.#layout(block).length) * BYTES;
  }

  /**
   * Gives back a block of which a file was taken away, since nobody could copy from it; to be called where its state is
   * restored and nothing computes with it any more.
   */
  dropGone(block: number): void {
    const held = this.#held.get(block);
    if (held === undefined || (existsSync(held.weights.path) && existsSync(held.states?.path ?? held.weights.path)))
      return;
    dispose(held.weights);
    if (held.states !== null) dispose(held.states);
    this.#held.delete(block);
  }

  /**
   * Copies every held block into a snapshot; states only of those that train. None of them may change meanwhile.
   * Rejects with PT_SHM_FULL where there is no room.
   */
  writeSnapshot(version: number): Promise<void> {
    return this.#copyHeld((block, part) => snapshotFile(this.#options.folder, version, block, part));
  }

  /**
   * As `writeSnapshot`, to where a checkpoint is written from.
   */
  copyState(): Promise<void> {
    return this.#copyHeld((block, part) => stateCopyFile(this.#options.folder, block, part));
  }

  /** Fills a block from a snapshot; states that the snapshot lacks (the block was frozen then) start at zero. */
  readSnapshot(version: number): (block: number, weights: Float32Array, states: readonly Float32Array[]) => void {
    const { folder } = this.#options;
    return (block, weights, states) => {
      copyFrom(snapshotFile(folder, version, block, 'weights'), weights);
      const path = snapshotFile(folder, version, block, 'states');
      const isThere = states.length > 0 && existsSync(path);
      let at = 0;
      for (const state of states) {
        if (isThere) readMemory(path, at, state);
        else state.fill(0);
        at += state.byteLength;
      }
    };
  }

  weights(block: number): Float32Array {
    return this.#get(block).weights.float32(0, this.#layout(block).length);
  }

  /** Views of the optimizer states of a block that trains, one behind the other. */
  states(block: number): Float32Array[] {
    const file = this.#get(block).states;
    invariant(file !== null || this.#stateElements(block) === 0, () => `block ${block} has no optimizer states`);
    let at = 0;
    return this.stateLayouts(block).map(({ length }) => {
      const view = file?.float32(at * BYTES, length) ?? new Float32Array(length);
      at += length;
      return view;
    });
  }

  /** Where the parameters of a block have their values in its optimizer states. */
  stateLayouts(block: number): readonly StateLayout[] {
    return present(this.#options.stateLayouts[block], `states of block ${block}`);
  }

  /** Gives back what a plan no longer needs: other blocks than `kept`, states of others than `updated`. */
  release(kept: readonly number[], updated: readonly number[]): void {
    for (const [block, held] of this.#held) {
      if (!updated.includes(block) && held.states !== null) {
        dispose(held.states);
        held.states = null;
      }
      if (!kept.includes(block)) {
        dispose(held.weights);
        this.#held.delete(block);
      }
    }
  }

  #create(name: typeof weightsFile, block: number, numFloats: number): MappedFile {
    return MappedFile.create(
      name(this.#options.folder, this.#options.worker, block),
      Math.max(LEAST_BYTES, numFloats * BYTES),
    );
  }

  #copyHeld(pathOf: (block: number, part: 'weights' | 'states') => string): Promise<void> {
    const copies = [...this.#held.keys()].flatMap((block): MemoryCopy[] => {
      const { weights, states } = this.parts(block);
      return [
        { path: pathOf(block, 'weights'), data: weights },
        ...(states === null ? [] : [{ path: pathOf(block, 'states'), data: states }]),
      ];
    });
    return writeMemory(copies, LEAST_BYTES);
  }

  #get(block: number): Held {
    return present(this.#held.get(block), `block ${block} of worker ${this.#options.worker}`);
  }

  #stateElements(block: number): number {
    return this.stateLayouts(block).reduce((sum, { length }) => sum + length, 0);
  }

  #layout(block: number): SlabLayout {
    return present(this.#options.layouts[block], `layout of block ${block}`);
  }
}

function dispose(file: MappedFile): void {
  file.unlink();
  file.close();
}

/** Copies a file of the same length; returns its bytes. */
function copyFrom(path: string, into: Float32Array): number {
  readMemory(path, 0, into);
  return into.byteLength;
}
