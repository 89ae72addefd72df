// SlotBuffers: the buffers that a stage borrows for its micro-batches. A slot has one buffer per role, and serves one
// micro-batch after another; which micro-batch is in it is not known here.
import type { BufferPool } from '../engine/tensor/buffer-pool.js';
import { type Port, roleName } from '../engine/tensor/program.js';
import { type HostArray, sizeOf } from '../engine/tensor/shape.js';

export class SlotBuffers {
  readonly #pool: BufferPool;
  /** By slot and role. */
  readonly #buffers = new Map<string, HostArray>();

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** The buffer of a slot for all ports of one role. */
  of(port: Port, slot: number): HostArray {
    const key = `${slot} ${roleName(port.role)}`;
    const known = this.#buffers.get(key);
    if (known !== undefined) return known;
    const buffer = this.#pool.acquire(port.dtype, sizeOf(port.shape));
    this.#buffers.set(key, buffer);
    return buffer;
  }

  /** Gives all of them back. */
  release(): void {
    for (const buffer of this.#buffers.values()) this.#pool.release(buffer);
    this.#buffers.clear();
  }
}
