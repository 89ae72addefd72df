// Shapes and element types of tensors. Pure data; says nothing about where the elements are.

/** Element types that cross the border of a program. `bool` exists inside graphs only. */
export type DType = 'float32' | 'int32' | 'bool';
export type Shape = readonly number[];
export type HostArray = Float32Array | Int32Array;

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, n) => product * n, 1);

/** A new host array for a shape, zeroed. */
export function hostArray(dtype: 'float32' | 'int32', shape: Shape): HostArray {
  return dtype === 'float32' ? new Float32Array(sizeOf(shape)) : new Int32Array(sizeOf(shape));
}
