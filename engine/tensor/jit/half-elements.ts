// HalfElements: which arrays of a kernel that goes over elements are bfloat16 and not float32, and how it reads and
// writes them.
import type { PortDType } from '../shape.js';
import type { GeneralRegister, VectorRegister } from '../x86/registers.js';
import type { HalfWay } from './cpu-features.js';
import { roundingOf } from './rounding.js';
import type { Lane } from './span.js';

const FLOAT = 4;
const HALF = 2;

/** Of the arrays that may be bfloat16, in the order of the kernel, which are; absent where none is. */
export interface HalfArrays {
  readonly reads: readonly boolean[];
  readonly writes: boolean;
}

export class HalfElements {
  readonly #arrays: HalfArrays;
  readonly #way: () => HalfWay;

  constructor(arrays: HalfArrays | undefined, way: () => HalfWay) {
    this.#arrays = arrays ?? { reads: [], writes: false };
    this.#way = way;
  }

  read(i: number): PortDType {
    return this.#arrays.reads[i] === true ? 'bfloat16' : 'float32';
  }

  get written(): PortDType {
    return this.#arrays.writes ? 'bfloat16' : 'float32';
  }

  /** Bytes of an element that is read. */
  readBytes(i: number): number {
    return this.#arrays.reads[i] === true ? HALF : FLOAT;
  }

  get writtenBytes(): number {
    return this.#arrays.writes ? HALF : FLOAT;
  }

  /** Elements of array `i`, `bytes` further as if they were float32. */
  load(lane: Lane, i: number, to: VectorRegister, base: GeneralRegister, bytes = 0): void {
    if (this.#arrays.reads[i] === true) lane.loadHalf(to, base, bytes);
    else lane.load(to, base, bytes);
  }

  /** Changes two vectors and k3 where they are rounded. */
  store(
    lane: Lane,
    base: GeneralRegister,
    from: VectorRegister,
    spare: readonly [VectorRegister, VectorRegister],
    bytes = 0,
  ): void {
    if (this.#arrays.writes) lane.storeHalf(base, from, roundingOf(this.#way()), spare, bytes);
    else lane.store(base, from, bytes);
  }
}
