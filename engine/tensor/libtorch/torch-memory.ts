// TorchMemory: the memory of a libtorch device as the engine sees it: buffers that stay there, and a count of what
// crosses. On the processor it is memory of libtorch's own all the same, so that what stays and what crosses shows
// without a GPU. It runs no program.
import { invariant } from '../../core/invariant.js';
import type { DeviceBuffer, DeviceMemory, Traffic } from '../device-memory.js';
import { dtypeOf, type HostArray, type PortDType, type Shape } from '../shape.js';
import type { Aten } from './aten.js';
import type { Handle } from './tensors.js';

/** Pieces whose squares are summed at a time: 8 MiB of float64 for those of 16384 elements. */
const PIECES_AT_A_TIME = 64;

/** A tensor of one axis, and the integers that were last brought into it, for checks on the host. */
interface Allocation {
  readonly handle: Handle;
  readonly elements: number;
  integers: Int32Array | null;
  isFreed: boolean;
}

export class TorchBuffer implements DeviceBuffer {
  readonly dtype: PortDType;
  readonly length: number;
  readonly #memory: TorchMemory;
  readonly #allocation: Allocation;
  readonly #offset: number;

  constructor(memory: TorchMemory, allocation: Allocation, dtype: PortDType, offset: number, length: number) {
    this.#memory = memory;
    this.#allocation = allocation;
    this.dtype = dtype;
    this.#offset = offset;
    this.length = length;
  }

  /** The numbers as they were brought from the host last; null where they were computed on the device. */
  get integers(): Int32Array | null {
    return this.#allocation.integers?.subarray(this.#offset, this.#offset + this.length) ?? null;
  }

  get onHost(): HostArray | null {
    const { tensors } = this.#memory.aten;
    if (tensors.library.device.type !== 'cpu' || this.length === 0) return null;
    return tensors.memoryOf(this.#allocation.handle, this.dtype, this.#offset, this.length);
  }

  /** A tensor over this memory, which is the caller's. `shape` has the elements of the buffer. */
  view(shape: Shape): Handle {
    invariant(!this.#allocation.isFreed, () => `a buffer of ${this.length} elements is freed`);
    return this.#memory.aten.tensors.view(this.#allocation.handle, shape, this.#offset);
  }

  subarray(begin: number, end = this.length): TorchBuffer {
    invariant(
      0 <= begin && begin <= end && end <= this.length,
      () => `elements [${begin}, ${end}) of a buffer of ${this.length}`,
    );
    return new TorchBuffer(this.#memory, this.#allocation, this.dtype, this.#offset + begin, end - begin);
  }

  upload(from: HostArray): void {
    this.#requireLike(from);
    this.#memory.note(from, 'toDevice');
    if (from instanceof Int32Array) {
      this.#allocation.integers ??= new Int32Array(this.#allocation.elements);
      this.#allocation.integers.set(from, this.#offset);
    }
    this.#beside(from, (own, host) => this.#memory.aten.tensors.copyInto(own, host));
  }

  download(into: HostArray): void {
    this.#requireLike(into);
    this.#memory.note(into, 'toHost');
    this.#beside(into, (own, host) => this.#memory.aten.tensors.copyInto(host, own));
  }

  /** A program writes here: what was brought is gone. */
  noteWritten(): void {
    this.#allocation.integers = null;
  }

  overlaps(other: TorchBuffer): boolean {
    return (
      this.#allocation === other.#allocation &&
      this.#offset < other.#offset + other.length &&
      other.#offset < this.#offset + this.length
    );
  }

  free(): void {
    invariant(!this.#allocation.isFreed, () => `a buffer of ${this.length} elements is freed twice`);
    this.#allocation.isFreed = true;
    this.#memory.aten.tensors.delete(this.#allocation.handle);
  }

  #requireLike(data: HostArray): void {
    invariant(
      dtypeOf(data) === this.dtype && data.length === this.length,
      () => `${dtypeOf(data)} with ${data.length} elements beside a buffer of ${this.dtype} with ${this.length}`,
    );
  }

  /** Calls `copy` with a tensor over this memory and one over the host's. */
  #beside(data: HostArray, copy: (own: Handle, host: Handle) => void): void {
    if (data.length === 0) return;
    const { tensors } = this.#memory.aten;
    const [own, host] = [this.view([this.length]), tensors.over(data, [this.length], this.dtype)];
    try {
      copy(own, host);
    } finally {
      tensors.delete(own);
      tensors.delete(host);
    }
  }
}

export class TorchMemory implements DeviceMemory {
  readonly aten: Aten;
  readonly #traffic = { toDevice: 0, toHost: 0 };

  constructor(aten: Aten) {
    this.aten = aten;
  }

  get traffic(): Traffic {
    return { ...this.#traffic };
  }

  /** An array of the host crosses. */
  note({ byteLength }: HostArray | Float64Array, way: keyof Traffic): void {
    this.#traffic[way] += byteLength;
  }

  allocate(dtype: PortDType, elements: number): TorchBuffer {
    const { tensors } = this.aten;
    const handle = tensors.keep(tensors.empty([elements], dtype));
    tensors.zero(handle);
    return new TorchBuffer(this, { handle, elements, integers: null, isFreed: false }, dtype, 0, elements);
  }

  /** A number that is read back comes after all that was run before it. */
  settle(): void {
    if (this.aten.tensors.library.device.type === 'cpu') return;
    const zero = this.aten.number(0);
    this.aten.tensors.read(zero, [], 'float32');
  }

  sumsOfSquares(data: DeviceBuffer, piece: number): Float64Array {
    const own = data as TorchBuffer;
    const sums = new Float64Array(Math.ceil(own.length / piece));
    const most = PIECES_AT_A_TIME * piece;
    const whole = own.length - (own.length % piece);
    for (let from = 0; from < whole; from += most)
      this.#sumInto(sums, from / piece, own.subarray(from, Math.min(whole, from + most)), piece);
    if (whole < own.length) this.#sumInto(sums, whole / piece, own.subarray(whole), own.length - whole);
    this.note(sums, 'toHost');
    return sums;
  }

  /** Sums of squares of pieces that make up `data`. */
  #sumInto(sums: Float64Array, at: number, data: TorchBuffer, piece: number): void {
    const { tensors } = this.aten;
    const count = data.length / piece;
    const host = new BigInt64Array(sums.buffer, sums.byteOffset + at * sums.BYTES_PER_ELEMENT, count);
    const [view, out] = [data.view([count, piece]), tensors.over(host, [count], 'float64')];
    tensors.begin();
    try {
      const wide = this.aten.cast(view, 'float64');
      const squares = this.aten.op('mul.Tensor')(wide, wide);
      tensors.copyInto(out, this.aten.op('sum.dim_IntList')(squares, [1], false, null));
    } finally {
      tensors.end([]);
      tensors.delete(view);
      tensors.delete(out);
    }
  }
}
