// DeviceMemory: memory of an executor that is not the host's, and buffers in it. What lies there stays there: programs
// are bound to it as they are to arrays of the host, and a byte crosses only where somebody says `upload` or
// `download`, or binds an array of the host to a program. An executor that computes in the host's memory has none, and
// its buffers are arrays.
import { dtypeOf, type HostArray, type PortDType } from './shape.js';

/** A run of elements in the memory of a device. */
export interface DeviceBuffer {
  readonly dtype: PortDType;
  /** In elements. */
  readonly length: number;
  /**
   * The elements themselves, where the device is the processor; nobody may use them after `free`. Absent or null: they
   * cannot be seen from the host.
   */
  readonly onHost?: HostArray | null;
  /** Elements [begin, end) over the same memory, as of a typed array; default: to the end. */
  subarray(begin: number, end?: number): DeviceBuffer;
  /** Brings as many elements of the same type from the host. They may change as soon as this returns. */
  upload(from: HostArray): void;
  /** Brings all elements to the host, after everything that was run before; they are there when this returns. */
  download(into: HostArray): void;
  /**
   * Gives the memory back, of a buffer that `allocate` returned; nobody may use it or a part of it afterwards, nor may
   * either be bound to a program.
   */
  free(): void;
}

/** Bytes that have crossed so far, arrays of the host that programs are bound to among them. */
export interface Traffic {
  readonly toDevice: number;
  readonly toHost: number;
}

export interface DeviceMemory {
  readonly traffic: Traffic;
  /**
   * A buffer of its own, all zeros, at an address that is a multiple of 256. Throws a ModelError where there is no
   * room.
   */
  allocate(dtype: PortDType, elements: number): DeviceBuffer;
  /**
   * Sums of squares of pieces of `piece` elements of a float32 buffer, of which the last may be shorter, in float64.
   * The sum of a piece depends on its elements alone, not on what else is in the buffer.
   */
  sumsOfSquares(data: DeviceBuffer, piece: number): Float64Array;
  /** Waits until everything that was run is done: a device may compute while the host goes on. */
  settle(): void;
}

/** What a port of a program may be bound to. */
export type PortBuffer = HostArray | DeviceBuffer;
/** Parameters, gradients, states: elements of float32, wherever they are computed with. */
export type Vector = Float32Array | DeviceBuffer;

export const isOnDevice = <B extends DeviceBuffer>(buffer: HostArray | B): buffer is B => !ArrayBuffer.isView(buffer);

/** The element type of a buffer. */
export const portDtypeOf = (buffer: PortBuffer): PortDType => (isOnDevice(buffer) ? buffer.dtype : dtypeOf(buffer));

/** A copy of an array in that memory; the array itself where there is none. */
export function placed<T extends HostArray>(memory: DeviceMemory | null, data: T): T | DeviceBuffer {
  if (memory === null) return data;
  const buffer = memory.allocate(dtypeOf(data), data.length);
  buffer.upload(data);
  return buffer;
}
