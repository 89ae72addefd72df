// SlotBuffers: the buffers that a stage has for its micro-batches: lent by a pool of the host's memory, or in that of
// the device. A slot has one buffer per role, and serves one micro-batch after another; which one is in it is not known
// here.
import type { BufferPool } from '../engine/tensor/buffer-pool.js';
import { type DeviceMemory, isOnDevice, type PortBuffer } from '../engine/tensor/device-memory.js';
import { type Port, roleName } from '../engine/tensor/program.js';
import { sizeOf } from '../engine/tensor/shape.js';

export class SlotBuffers {
  readonly #pool: BufferPool;
  readonly #memory: DeviceMemory | null;
  /** By slot and name. */
  readonly #buffers = new Map<string, PortBuffer>();

  /** `memory` is that of the device, null where programs compute in the host's. */
  constructor(pool: BufferPool, memory: DeviceMemory | null) {
    this.#pool = pool;
    this.#memory = memory;
  }

  /** The buffer of a slot for all ports of one role, or of that name. */
  of(port: Port, slot: number, name = roleName(port.role)): PortBuffer {
    const key = `${slot} ${name}`;
    const known = this.#buffers.get(key);
    if (known !== undefined) return known;
    const size = sizeOf(port.shape);
    const buffer = this.#memory?.allocate(port.dtype, size) ?? this.#pool.acquire(port.dtype, size);
    this.#buffers.set(key, buffer);
    return buffer;
  }

  /** Gives all of them back. */
  release(): void {
    for (const buffer of this.#buffers.values())
      if (isOnDevice(buffer)) buffer.free();
      else this.#pool.release(buffer);
    this.#buffers.clear();
  }
}
