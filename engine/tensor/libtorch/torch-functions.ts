// TorchFunctions: the functions of libtorch's C interface that the executor calls, found by name in its libraries. A
// thin, typed table: who owns what is the caller's business. None of them throws a C++ exception through koffi.
import { ModelError } from '../../core/errors.js';
import type { Koffi } from '../native.js';

/** 0 on success. */
type Status = number;
/** Where a function writes one result of 8 bytes, or of 4 in its lower half. */
export type Cell = BigUint64Array;

export interface TorchFunctions {
  abiVersion(): bigint;
  callDispatcher(op: bigint, overload: bigint, stack: bigint, abi: bigint): Status;
  emptyStrided(
    rank: number,
    sizes: BigInt64Array,
    strides: BigInt64Array,
    dtype: number,
    device: number,
    index: number,
    out: Cell,
  ): Status;
  fromBlob(
    data: bigint,
    rank: number,
    sizes: BigInt64Array,
    strides: BigInt64Array,
    offset: number,
    dtype: number,
    device: number,
    index: number,
    out: Cell,
  ): Status;
  reinterpret(
    tensor: number,
    rank: number,
    sizes: BigInt64Array,
    strides: BigInt64Array,
    offset: number,
    out: Cell,
  ): Status;
  newUndefinedTensor(out: Cell): Status;
  isContiguous(tensor: number, out: Cell): Status;
  zero(tensor: number): Status;
  dataPointer(tensor: number, out: Cell): Status;
  newTensorHandle(tensor: number, out: Cell): Status;
  deleteTensor(tensor: number): Status;
  clone(tensor: number, out: Cell): Status;
  copyInto(to: number, from: number, nonBlocking: number): Status;
  rank(tensor: number, out: Cell): Status;
  size(tensor: number, axis: number, out: Cell): Status;
  dtype(tensor: number, out: Cell): Status;
  newList(length: number, out: Cell): Status;
  pushToList(list: number, value: bigint | number): Status;
  newString(text: Uint8Array, bytes: number, out: Cell): Status;
  setGradMode(isOn: boolean): void;
  float32(): number;
  float64(): number;
  int32(): number;
  int64(): number;
  bool(): number;
  bfloat16(): number;
  cpuDevice(): number;
  cudaDevice(): number;
  setNumThreads(threads: number): void;
  getNumThreads(): number;
  globalContext(): bigint;
  setDeterministicAlgorithms(context: bigint, isOn: boolean, warnsOnly: boolean): void;
  setAllowTf32(context: bigint, isOn: boolean): void;
}

const P = 'void *';
const H = 'uint64';

const SYMBOLS: Readonly<Record<keyof TorchFunctions, readonly [symbol: string, result: string, args: string[]]>> = {
  abiVersion: ['aoti_torch_abi_version', 'uint64', []],
  callDispatcher: ['torch_call_dispatcher', 'int', [H, H, H, 'uint64']],
  emptyStrided: ['aoti_torch_empty_strided', 'int', ['int64', P, P, 'int', 'int', 'int', P]],
  fromBlob: ['aoti_torch_create_tensor_from_blob', 'int', [H, 'int64', P, P, 'int64', 'int', 'int', 'int', P]],
  reinterpret: ['aoti_torch__reinterpret_tensor', 'int', [H, 'int64', P, P, 'int64', P]],
  newUndefinedTensor: ['aoti_torch_new_uninitialized_tensor', 'int', [P]],
  isContiguous: ['aoti_torch_is_contiguous', 'int', [H, P]],
  dataPointer: ['aoti_torch_get_data_ptr', 'int', [H, P]],
  zero: ['aoti_torch_zero_', 'int', [H]],
  newTensorHandle: ['aoti_torch_new_tensor_handle', 'int', [H, P]],
  deleteTensor: ['aoti_torch_delete_tensor_object', 'int', [H]],
  clone: ['aoti_torch_clone', 'int', [H, P]],
  copyInto: ['aoti_torch_copy_', 'int', [H, H, 'int']],
  rank: ['aoti_torch_get_dim', 'int', [H, P]],
  size: ['aoti_torch_get_size', 'int', [H, 'int64', P]],
  dtype: ['aoti_torch_get_dtype', 'int', [H, P]],
  newList: ['torch_new_list_reserve_size', 'int', ['size_t', P]],
  pushToList: ['torch_list_push_back', 'int', [H, 'uint64']],
  newString: ['torch_new_string_handle', 'int', [P, 'size_t', P]],
  setGradMode: ['aoti_torch_grad_mode_set_enabled', 'void', ['bool']],
  float32: ['aoti_torch_dtype_float32', 'int', []],
  float64: ['aoti_torch_dtype_float64', 'int', []],
  int32: ['aoti_torch_dtype_int32', 'int', []],
  int64: ['aoti_torch_dtype_int64', 'int', []],
  bool: ['aoti_torch_dtype_bool', 'int', []],
  bfloat16: ['aoti_torch_dtype_bfloat16', 'int', []],
  cpuDevice: ['aoti_torch_device_type_cpu', 'int', []],
  cudaDevice: ['aoti_torch_device_type_cuda', 'int', []],
  // C++ names, of functions that do not throw for what they are given here.
  setNumThreads: ['_ZN2at15set_num_threadsEi', 'void', ['int']],
  getNumThreads: ['_ZN2at15get_num_threadsEv', 'int', []],
  globalContext: ['_ZN2at13globalContextEv', 'uint64', []],
  setDeterministicAlgorithms: ['_ZN2at7Context26setDeterministicAlgorithmsEbb', 'void', ['uint64', 'bool', 'bool']],
  setAllowTf32: ['_ZN2at7Context18setAllowTF32CuBLASEb', 'void', ['uint64', 'bool']],
};

type Library = ReturnType<Koffi['load']>;
export type NativeFunction = (...args: readonly unknown[]) => unknown;

/** The functions. Throws a ModelError (PT_EXECUTOR) that names the first one which the library does not have. */
export function torchFunctions(library: Library, file: string): TorchFunctions {
  return Object.fromEntries(
    Object.entries(SYMBOLS).map(([name, [symbol, result, args]]) => {
      const found = optionalFunction(library, symbol, result, args);
      if (found !== null) return [name, found];
      throw new ModelError(
        'PT_EXECUTOR',
        `${file} has no function ${symbol}`,
        'Use PyTorch 2.10 or newer; docs/executors.md says which versions have been tried.',
      );
    }),
  ) as unknown as TorchFunctions;
}

/** A function of the library; null where it has none of that name. */
export function optionalFunction(
  library: Library,
  symbol: string,
  result: string,
  args: readonly string[],
): NativeFunction | null {
  try {
    return library.func(symbol, result, [...args]) as NativeFunction;
  } catch {
    return null;
  }
}
