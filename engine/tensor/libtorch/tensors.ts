// Tensors: makes, reads and frees tensors of libtorch. A tensor is known by its handle, the address of an object;
// whoever is handed one owns it and deletes it, unless it says otherwise. Between `begin` and `end` they belong to
// the call that is being computed.
import { invariant } from '../../core/invariant.js';
import { addressOf, loadKoffi } from '../native.js';
import { arrayOver, elementBytes, type HostArray, type PortDType, type Shape, sizeOf } from '../shape.js';
import type { TorchDType, TorchLibrary } from './torch-library.js';

/** Address of a tensor object. */
export type Handle = number;

/** Steps between neighbours along each axis, of a tensor that lies in memory without gaps. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis] as number;
  }
  return strides;
}

/** Numbers as libtorch reads them; at least one, since an empty array has no address. */
export const int64s = (values: readonly number[]): BigInt64Array =>
  BigInt64Array.from(values.length === 0 ? [0] : values, BigInt);

export class Tensors {
  readonly library: TorchLibrary;
  /** How many exist now. */
  live = 0;
  /** What the call that is being computed has made. */
  #made: Handle[] = [];
  /** Memory of JavaScript behind tensors: nothing else keeps it from the garbage collector. */
  readonly #memory = new Map<Handle, HostArray | BigInt64Array | Uint8Array>();

  constructor(library: TorchLibrary) {
    this.library = library;
  }

  /** What is made from here on belongs to a call, until `end`. */
  begin(): void {
    invariant(this.#made.length === 0, () => `${this.#made.length} tensors belong to no call`);
  }

  /** Deletes what the call has made, except its results. */
  end(results: readonly Handle[]): void {
    for (const handle of this.#made) if (!results.includes(handle)) this.delete(handle);
    this.#made.length = 0;
  }

  /** Whether the call that is being computed has made it. */
  isMade(handle: Handle): boolean {
    return this.#made.includes(handle);
  }

  /** Takes what was made away from the call that is being computed: it is the caller's. */
  keep(handle: Handle): Handle {
    this.#made.splice(this.#made.lastIndexOf(handle), 1);
    return handle;
  }

  /** Notes a tensor that was made. */
  made(handle: Handle): Handle {
    this.live++;
    this.#made.push(handle);
    return handle;
  }

  /** Notes the tensor that the last function has made. */
  madeBy(status: number, what: string): Handle {
    if (status !== 0) this.library.check(status, what);
    return this.made(this.library.result);
  }

  delete(handle: Handle): void {
    this.live--;
    this.library.call.deleteTensor(handle);
    if (this.#memory.size > 0) this.#memory.delete(handle);
  }

  /** The same tensor by another handle, which no call owns. */
  duplicate(handle: Handle): Handle {
    this.live++;
    return this.reference(handle);
  }

  /** The same, to be handed over to libtorch. */
  reference(handle: Handle): Handle {
    const { call, cell } = this.library;
    const status = call.newTensorHandle(handle, cell);
    if (status !== 0) this.library.check(status, 'a tensor');
    return this.library.result;
  }

  /** A tensor over memory of this process, which stays the caller's; no call owns it. */
  over(data: HostArray | BigInt64Array | Uint8Array, shape: Shape, dtype: TorchDType): Handle {
    const { call, cell, dtypes, deviceTypes } = this.library;
    const [sizes, strides] = [int64s(shape), int64s(stridesOf(shape))];
    const address = addressOf(data);
    this.library.check(
      call.fromBlob(address, shape.length, sizes, strides, 0, dtypes[dtype], deviceTypes.cpu, 0, cell),
      'a tensor over host memory',
    );
    const handle = this.library.result;
    this.live++;
    this.#memory.set(handle, data);
    return handle;
  }

  /** A tensor over elements of another one from `offset` on, which lies without gaps; no call owns it. */
  view(handle: Handle, shape: Shape, offset: number): Handle {
    const { call, cell } = this.library;
    const status = call.reinterpret(handle, shape.length, int64s(shape), int64s(stridesOf(shape)), offset, cell);
    if (status !== 0) this.library.check(status, 'a part of a tensor');
    this.live++;
    return this.library.result;
  }

  /** Elements of a tensor of the processor without gaps, as they lie there. */
  memoryOf(handle: Handle, dtype: PortDType, offset: number, elements: number): HostArray {
    const { call, cell } = this.library;
    this.library.check(call.dataPointer(handle, cell), 'the memory of a tensor');
    const bytes = elementBytes(dtype);
    const address = BigInt(this.library.result + offset * bytes);
    return arrayOver(dtype, loadKoffi().view(address, elements * bytes), 0, elements);
  }

  /** Makes all its numbers zero. */
  zero(handle: Handle): void {
    this.library.check(this.library.call.zero(handle), 'zeros');
  }

  /** A tensor with these numbers on the device. */
  of(values: readonly number[], shape: Shape, dtype: TorchDType): Handle {
    const host = this.over(arrayOf(values, dtype), shape, dtype);
    const handle = this.empty(shape, dtype);
    this.copyInto(handle, host);
    this.delete(host);
    return handle;
  }

  /** Memory for a tensor on the device. */
  empty(shape: Shape, dtype: TorchDType): Handle {
    return this.#empty(shape, this.library.dtypes[dtype]);
  }

  #empty(shape: Shape, dtype: number): Handle {
    const { call, cell, deviceTypes, device } = this.library;
    const [sizes, strides] = [int64s(shape), int64s(stridesOf(shape))];
    const type = deviceTypes[device.type];
    return this.madeBy(
      call.emptyStrided(shape.length, sizes, strides, dtype, type, device.index, cell),
      'memory for a tensor',
    );
  }

  /** The numbers of a tensor of the host on the device, in memory of their own. */
  toDevice(host: Handle): Handle {
    const handle = this.#empty(this.shapeOf(host), this.dtypeOf(host));
    this.copyInto(handle, host);
    return handle;
  }

  /** Copies the numbers of a tensor into another one, of any layout, type and device. */
  copyInto(to: Handle, from: Handle): void {
    const status = this.library.call.copyInto(to, from, 0);
    if (status !== 0) this.library.check(status, 'a copy');
  }

  /** None at all, which some operators take for what they need not read. */
  undefined(): Handle {
    const { call, cell } = this.library;
    return this.madeBy(call.newUndefinedTensor(cell), 'no tensor');
  }

  clone(handle: Handle): Handle {
    const { call, cell } = this.library;
    return this.madeBy(call.clone(handle, cell), 'a copy');
  }

  shapeOf(handle: Handle): number[] {
    const { call, cell } = this.library;
    this.library.check(call.rank(handle, cell), 'the rank of a tensor');
    return Array.from({ length: this.library.result }, (_, axis) => {
      this.library.check(call.size(handle, axis, cell), 'the shape of a tensor');
      return this.library.result;
    });
  }

  /** Whether it lies in memory without gaps, in the order of its elements. */
  isPacked(handle: Handle): boolean {
    const { call, cell } = this.library;
    cell[0] = 0n;
    this.library.check(call.isContiguous(handle, cell), 'the layout of a tensor');
    return this.library.smallResult !== 0;
  }

  /** libtorch's number for its element type. */
  dtypeOf(handle: Handle): number {
    const { call, cell } = this.library;
    this.library.check(call.dtype(handle, cell), 'the type of a tensor');
    return this.library.smallResult;
  }

  /** Its numbers, in memory of their own. */
  read(handle: Handle, shape: Shape, dtype: PortDType): HostArray {
    const elements = sizeOf(shape);
    const data = arrayOver(dtype, new ArrayBuffer(elementBytes(dtype) * elements), 0, elements);
    const host = this.over(data, shape, dtype);
    this.copyInto(host, handle);
    this.delete(host);
    return data;
  }
}

function arrayOf(values: readonly number[], dtype: TorchDType): HostArray | BigInt64Array | Uint8Array {
  if (dtype === 'int64') return BigInt64Array.from(values, BigInt);
  if (dtype === 'bool') return Uint8Array.from(values);
  invariant(dtype === 'float32' || dtype === 'int32', () => `no constants of ${dtype}`);
  return dtype === 'float32' ? Float32Array.from(values) : Int32Array.from(values);
}
