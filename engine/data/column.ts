// Column: one field of every sample of a data set, encoded ahead of time so that a read is a copy. It does not know
// which samples train.
import type { NumberArray } from '../tensor/shape.js';
import { sizeOf } from '../tensor/shape.js';
import type { FieldSpec } from './dataset.js';

export interface Column {
  readonly spec: FieldSpec;
  /** Writes the field of sample `id` to `out`, starting at element `at`. */
  copy(id: number, out: NumberArray, at: number): void;
}

/** Token ids, kept as narrow as the vocabulary allows. */
export type TokenArray = Uint8Array | Uint16Array | Int32Array;

/** A zeroed array that can hold `length` ids below `vocabulary`. */
export function tokenArray(vocabulary: number, length: number): TokenArray {
  if (vocabulary <= 2 ** 8) return new Uint8Array(length);
  return vocabulary <= 2 ** 16 ? new Uint16Array(length) : new Int32Array(length);
}

/** Samples one after another in `data` [N, ...shape]. */
export function packedColumn(spec: FieldSpec, data: NumberArray | TokenArray): Column {
  const size = sizeOf(spec.shape);
  return { spec, copy: (id, out, at) => out.set(data.subarray(id * size, (id + 1) * size), at) };
}

/** Bytes [N, ...shape] that become floats through `table` [256]: a quarter of the memory of floats. */
export function byteColumn(spec: FieldSpec, data: Uint8Array, table: Float32Array): Column {
  const size = sizeOf(spec.shape);
  return {
    spec,
    copy: (id, out, at) => {
      for (let i = 0, from = id * size; i < size; i++) out[at + i] = table[data[from + i] as number] as number;
    },
  };
}

/** 1 for the first `lengths[id]` positions of the sample, 0 behind them. */
export function maskColumn(spec: FieldSpec, lengths: TokenArray): Column {
  const size = sizeOf(spec.shape);
  return {
    spec,
    copy: (id, out, at) => {
      const end = at + (lengths[id] as number);
      out.fill(1, at, end).fill(0, end, at + size);
    },
  };
}

/** Windows of `stream`: sample `id` starts at `starts[id]`. */
export function windowColumn(spec: FieldSpec, stream: TokenArray, starts: Float64Array | Int32Array): Column {
  const size = sizeOf(spec.shape);
  return {
    spec,
    copy: (id, out, at) => {
      const start = starts[id] as number;
      out.set(stream.subarray(start, start + size), at);
    },
  };
}
