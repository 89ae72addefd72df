// ResidentSums: where a stage sums its gradients in the memory of its device: the slots of its micro-batches, and the
// reduced gradient. Blocks begin at addresses that do not depend on where the pipeline is cut, because kernels may
// choose by them. Alone in its group, a stage's first slot is its reduced gradient; else both meet the other members'
// in the memory of the host, where everybody adds in the same order.
import { present } from '../core/invariant.js';
import type { GradientLayout } from '../model/gradient-layout.js';
import { DeviceAdder } from '../tensor/device-arithmetic.js';
import type { DeviceBuffer, DeviceMemory } from '../tensor/device-memory.js';
import type { ResidentExecutor } from '../tensor/executor.js';

/** Blocks begin at multiples of so many elements, 256 bytes. */
const ALIGNMENT = 64;

export interface ResidentSumsOptions {
  readonly executor: ResidentExecutor;
  /** Blocks [from, to). */
  readonly from: number;
  readonly to: number;
  readonly layoutOf: (block: number) => Pick<GradientLayout, 'length'>;
  /** Whether nobody else has a part of these gradients. */
  readonly isAlone: boolean;
}

export class ResidentSums {
  readonly memory: DeviceMemory;
  readonly #options: ResidentSumsOptions;
  readonly #adder: DeviceAdder;
  readonly #slots: DeviceBuffer[] = [];
  #reduced: DeviceBuffer | null = null;

  constructor(options: ResidentSumsOptions) {
    this.#options = options;
    this.memory = options.executor.memory;
    this.#adder = new DeviceAdder(options.executor);
  }

  /** Elements from the start of a slot to the gradient of a block. */
  offset(block: number): number {
    const { from, layoutOf } = this.#options;
    let offset = 0;
    for (let b = from; b < block; b++) offset += Math.ceil(layoutOf(b).length / ALIGNMENT) * ALIGNMENT;
    return offset;
  }

  /** The same buffer whenever it is asked for. */
  slot(index: number): DeviceBuffer {
    return (this.#slots[index] ??= this.#allocate());
  }

  /** The reduced gradient of a block. */
  reduced(block: number): DeviceBuffer {
    return this.#block(this.#options.isAlone ? this.slot(0) : (this.#reduced ??= this.#allocate()), block);
  }

  addInto(left: DeviceBuffer, right: DeviceBuffer): void {
    this.#adder.addInto(left, right);
  }

  /** Brings a slot's gradient of a block to the host. */
  download(index: number, block: number, into: Float32Array): void {
    this.#block(present(this.#slots[index], `slot ${index}`), block).download(into);
  }

  /** Nothing may be bound to the buffers any more. */
  free(): void {
    this.#adder.free();
    for (const buffer of [...this.#slots, this.#reduced]) buffer?.free();
    this.#slots.length = 0;
    this.#reduced = null;
  }

  #block(buffer: DeviceBuffer, block: number): DeviceBuffer {
    const offset = this.offset(block);
    return buffer.subarray(offset, offset + this.#options.layoutOf(block).length);
  }

  #allocate(): DeviceBuffer {
    return this.memory.allocate('float32', this.offset(this.#options.to));
  }
}
