// BufferPool: recycles host buffers. Views have exactly the length asked for, the memory below them comes in size
// classes, so shapes that change do not make the pool grow without bound. It does not know what the buffers hold and
// does not clear them.
import { invariant } from '../core/invariant.js';
import { addressOf } from './native.js';
import { arrayOver, elementBytes, type HostArray, type PortDType } from './shape.js';

/** Memory of one size class; `offset` is where its aligned part begins. */
interface Block {
  readonly memory: ArrayBuffer;
  readonly offset: number;
  readonly classBytes: number;
}

/** A cache line, and the widest vector register. */
const ALIGNMENT = 64;
/** Size classes per doubling: a buffer wastes at most a quarter of what was asked for. */
const CLASSES_PER_DOUBLING = 4;

/** Bytes of the smallest size class that holds `bytes`; a multiple of 64. */
export function sizeClass(bytes: number): number {
  if (bytes <= CLASSES_PER_DOUBLING * ALIGNMENT) return Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
  const step = 2 ** Math.floor(Math.log2(bytes - 1)) / CLASSES_PER_DOUBLING;
  return Math.ceil(bytes / step) * step;
}

export class BufferPool {
  /**
   * Most bytes that live and idle buffers together may keep; live buffers alone may exceed it, since the caller needs
   * them.
   */
  readonly capBytes: number;
  readonly #live = new Map<HostArray, Block>();
  /** Idle blocks in the order of their release; the oldest are dropped first. */
  readonly #idle = new Set<Block>();
  readonly #idleByClass = new Map<number, Block[]>();
  #liveBytes = 0;
  #idleBytes = 0;

  constructor(capBytes: number) {
    invariant(capBytes >= 0, () => `a buffer pool of ${capBytes} bytes`);
    this.capBytes = capBytes;
  }

  /** A buffer with arbitrary contents. Give it back with `release`. */
  acquire(dtype: 'float32', elements: number): Float32Array<ArrayBuffer>;
  acquire(dtype: 'int32', elements: number): Int32Array<ArrayBuffer>;
  acquire(dtype: PortDType, elements: number): HostArray;
  acquire(dtype: PortDType, elements: number): HostArray {
    invariant(Number.isSafeInteger(elements) && elements >= 0, () => `a buffer of ${elements} elements`);
    const classBytes = sizeClass(elements * elementBytes(dtype));
    const block = this.#takeIdle(classBytes) ?? newBlock(classBytes);
    this.#liveBytes += classBytes;
    this.#trim();
    const view = arrayOver(dtype, block.memory, block.offset, elements);
    this.#live.set(view, block);
    return view;
  }

  /**
   * Takes a buffer back. The view that `acquire` returned, once; it must not be used afterwards, nor stay bound to a
   * program.
   */
  release(view: HostArray): void {
    const block = this.#live.get(view);
    invariant(block !== undefined, () => `a buffer of ${view.length} elements is released that the pool has not lent`);
    this.#live.delete(view);
    this.#liveBytes -= block.classBytes;
    this.#idle.add(block);
    this.#idleBytes += block.classBytes;
    const peers = this.#idleByClass.get(block.classBytes);
    if (peers === undefined) this.#idleByClass.set(block.classBytes, [block]);
    else peers.push(block);
    this.#trim();
  }

  /** Buffers lent and not yet given back. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** Bytes of the buffers lent, rounded up to their size classes. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes kept for later. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** The block released last: its pages are the likeliest to be in the cache. */
  #takeIdle(classBytes: number): Block | undefined {
    const block = this.#idleByClass.get(classBytes)?.pop();
    if (block !== undefined) this.#forget(block);
    return block;
  }

  #trim(): void {
    for (const block of this.#idle) {
      if (this.#liveBytes + this.#idleBytes <= this.capBytes) return;
      // Oldest of all is oldest of its class too.
      this.#idleByClass.get(block.classBytes)?.shift();
      this.#forget(block);
    }
  }

  #forget(block: Block): void {
    this.#idle.delete(block);
    this.#idleBytes -= block.classBytes;
  }
}

function newBlock(classBytes: number): Block {
  const memory = new ArrayBuffer(classBytes + ALIGNMENT);
  return { memory, offset: alignedOffset(memory), classBytes };
}

function alignedOffset(memory: ArrayBuffer): number {
  try {
    return Number(-addressOf(new Uint8Array(memory)) & BigInt(ALIGNMENT - 1));
  } catch {
    // Without native calls addresses are unknown; alignment is for speed only.
    return 0;
  }
}
