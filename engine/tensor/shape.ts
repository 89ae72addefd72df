// Shapes and element types of tensors. Pure data; says nothing about where the elements are.

/** Element types that cross the border of a program. */
export type PortDType = 'float32' | 'int32' | 'bfloat16';
/** Element types of arithmetic, which are those of TensorFlow.js. `bool` exists inside graphs only. */
export type ComputeDType = 'float32' | 'int32' | 'bool';
/** A bfloat16 is stored and multiplied; all else is done with the float32 that it stands for. */
export type DType = ComputeDType | 'bfloat16';
export type Shape = readonly number[];
/** Arrays of what is computed with. */
export type NumberArray = Float32Array | Int32Array;
/** A bfloat16 is its 16 bits: the upper half of the float32 that it stands for. */
export type HostArray = NumberArray | Uint16Array;

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

/** The type in which numbers of a type are computed with. */
export const computeDtype = (dtype: DType): ComputeDType => (dtype === 'bfloat16' ? 'float32' : dtype);

/** Bytes of one element. */
export const elementBytes = (dtype: PortDType): number => (dtype === 'bfloat16' ? 2 : 4);

/** Bytes of a tensor. */
export const tensorBytes = ({ dtype, shape }: { readonly dtype: PortDType; readonly shape: Shape }): number =>
  elementBytes(dtype) * sizeOf(shape);

/** The element type whose numbers an array holds. */
export function dtypeOf(data: HostArray): PortDType {
  if (data instanceof Float32Array) return 'float32';
  return data instanceof Int32Array ? 'int32' : 'bfloat16';
}

/** An array over `elements` elements of memory from `offset` on, a multiple of the element's bytes. */
export function arrayOver(dtype: PortDType, memory: ArrayBufferLike, offset: number, elements: number): HostArray {
  if (dtype === 'float32') return new Float32Array(memory, offset, elements);
  return dtype === 'int32' ? new Int32Array(memory, offset, elements) : new Uint16Array(memory, offset, elements);
}

/** A new host array for a shape, zeroed. */
export function hostArray(dtype: 'float32' | 'int32', shape: Shape): NumberArray;
export function hostArray(dtype: PortDType, shape: Shape): HostArray;
export function hostArray(dtype: PortDType, shape: Shape): HostArray {
  return arrayOver(dtype, new ArrayBuffer(tensorBytes({ dtype, shape })), 0, sizeOf(shape));
}
