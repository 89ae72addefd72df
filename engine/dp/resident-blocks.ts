// ResidentBlocks: the parameters and optimizer states of a stage's blocks in the memory of its device. They come from
// the block store when they are first asked for, and go back to it when somebody else is to see them: between steps,
// for snapshots, checkpoints and other workers. In between the store has what they were then.
import type { DeviceBuffer, DeviceMemory } from '../tensor/device-memory.js';
import type { BlockStore } from './block-store.js';

interface Resident {
  readonly weights: DeviceBuffer;
  /** Null until they are asked for: a frozen block has none. */
  states: readonly DeviceBuffer[] | null;
}

export class ResidentBlocks {
  readonly #memory: DeviceMemory;
  readonly #store: BlockStore;
  readonly #blocks = new Map<number, Resident>();
  #isChanged = false;

  constructor(memory: DeviceMemory, store: BlockStore) {
    this.#memory = memory;
    this.#store = store;
  }

  /** The parameters of a block; see BlockStore. */
  weights(block: number): DeviceBuffer {
    return this.#at(block).weights;
  }

  /** The optimizer states of a block that trains, each as long as its slab. */
  states(block: number): readonly DeviceBuffer[] {
    return (this.#at(block).states ??= this.#store.states(block).map((state) => this.#placed(state)));
  }

  /** Blocks with states were updated: the store is behind. */
  noteUpdate(): void {
    this.#isChanged = true;
  }

  /** Brings what was updated to the store, whose memory nobody may be copying. */
  bringHome(): void {
    if (!this.#isChanged) return;
    this.#isChanged = false;
    for (const [block, { weights, states }] of this.#blocks) {
      if (states === null) continue;
      weights.download(this.#store.weights(block));
      const home = this.#store.states(block);
      states.forEach((state, i) => state.download(home[i] as Float32Array));
    }
  }

  /** Nothing may be bound to the buffers any more. */
  free(): void {
    for (const { weights, states } of this.#blocks.values()) for (const one of [weights, ...(states ?? [])]) one.free();
    this.#blocks.clear();
  }

  #at(block: number): Resident {
    const known = this.#blocks.get(block);
    if (known !== undefined) return known;
    const resident = { weights: this.#placed(this.#store.weights(block)), states: null };
    this.#blocks.set(block, resident);
    return resident;
  }

  #placed(data: Float32Array): DeviceBuffer {
    const buffer = this.#memory.allocate('float32', data.length);
    buffer.upload(data);
    return buffer;
  }
}
