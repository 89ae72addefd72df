// OrtApi: the functions of ONNX Runtime's C interface that the executor calls, found in its library (ort-library.ts). A
// thin, typed table: who owns what is the executor's business.
import { ModelError } from '../core/errors.js';
import { invariant, present } from '../core/invariant.js';
import { addressOf, type Koffi, loadKoffi, type Pointer } from './native.js';
import { type RunFailure, runFailure } from './run-failure.js';

/** Null on success, else an OrtStatus that must be released. */
type Status = Pointer | null;
/** Where a function writes one pointer. */
type PointerCell = BigUint64Array;

interface OrtFunctions {
  getErrorMessage(status: Pointer): string;
  createEnv(logLevel: number, id: string, out: PointerCell): Status;
  createSessionFromArray(env: Pointer, model: Uint8Array, bytes: number, options: Pointer, out: PointerCell): Status;
  run(
    session: Pointer,
    runOptions: null,
    inputNames: Pointer,
    inputs: Pointer,
    inputCount: number,
    outputNames: Pointer,
    outputCount: number,
    outputs: Pointer,
  ): Status;
  createSessionOptions(out: PointerCell): Status;
  setSessionExecutionMode(options: Pointer, mode: number): Status;
  setGraphOptimizationLevel(options: Pointer, level: number): Status;
  setIntraOpThreads(options: Pointer, threads: number): Status;
  setInterOpThreads(options: Pointer, threads: number): Status;
  createTensorWithData(
    memory: Pointer,
    data: Pointer,
    bytes: number,
    dims: BigInt64Array,
    rank: number,
    elementType: number,
    out: PointerCell,
  ): Status;
  createCpuMemoryInfo(allocator: number, memory: number, out: PointerCell): Status;
  releaseEnv(env: Pointer): void;
  releaseStatus(status: Pointer): void;
  releaseMemoryInfo(info: Pointer): void;
  releaseSession(session: Pointer): void;
  releaseValue(value: Pointer): void;
  releaseSessionOptions(options: Pointer): void;
  addSessionConfigEntry(options: Pointer, key: string, value: string): Status;
  createAndRegisterAllocator(env: Pointer, memory: Pointer, arena: Pointer): Status;
  createArenaCfg(
    mostBytes: number,
    extendStrategy: number,
    firstChunkBytes: number,
    deadBytesPerChunk: number,
    out: PointerCell,
  ): Status;
  releaseArenaCfg(arena: Pointer): void;
  runWithBinding(session: Pointer, runOptions: null, binding: Pointer): Status;
  createIoBinding(session: Pointer, out: PointerCell): Status;
  releaseIoBinding(binding: Pointer): void;
  bindInput(binding: Pointer, name: Pointer, value: Pointer): Status;
  bindOutput(binding: Pointer, name: Pointer, value: Pointer): Status;
  synchronizeBoundOutputs(binding: Pointer): Status;
  appendProvider(options: Pointer, name: string, keys: Pointer, values: Pointer, count: number): Status;
  appendCuda(options: Pointer, cudaOptions: Pointer): Status;
  createCudaOptions(out: PointerCell): Status;
  updateCudaOptions(cudaOptions: Pointer, keys: Pointer, values: Pointer, count: number): Status;
  releaseCudaOptions(cudaOptions: Pointer): void;
  createCustomOpDomain(name: string, out: PointerCell): Status;
  addCustomOp(domain: Pointer, op: Pointer): Status;
  addCustomOpDomain(options: Pointer, domain: Pointer): Status;
  releaseCustomOpDomain(domain: Pointer): void;
}

/**
 * Position of each function in the OrtApi structure, its result and its arguments. The structure only ever grows at its
 * end: these positions hold for every interface version since 6 (position 101 closes version 1, 149 version 5, 157
 * version 6); those after 157 hold since 12 (203 closes version 10, 209 version 11, 218 version 12).
 */
const SLOTS: Readonly<Record<keyof OrtFunctions, readonly [slot: number, result: string, args: readonly string[]]>> = {
  getErrorMessage: [2, 'const char *', ['void *']],
  createEnv: [3, 'void *', ['int', 'const char *', 'void *']],
  createSessionFromArray: [8, 'void *', ['void *', 'void *', 'size_t', 'void *', 'void *']],
  run: [9, 'void *', ['void *', 'void *', 'void *', 'void *', 'size_t', 'void *', 'size_t', 'void *']],
  createSessionOptions: [10, 'void *', ['void *']],
  setSessionExecutionMode: [13, 'void *', ['void *', 'int']],
  setGraphOptimizationLevel: [23, 'void *', ['void *', 'int']],
  setIntraOpThreads: [24, 'void *', ['void *', 'int']],
  setInterOpThreads: [25, 'void *', ['void *', 'int']],
  createTensorWithData: [49, 'void *', ['void *', 'void *', 'size_t', 'void *', 'size_t', 'int', 'void *']],
  createCpuMemoryInfo: [69, 'void *', ['int', 'int', 'void *']],
  releaseEnv: [92, 'void', ['void *']],
  releaseStatus: [93, 'void', ['void *']],
  releaseMemoryInfo: [94, 'void', ['void *']],
  releaseSession: [95, 'void', ['void *']],
  releaseValue: [96, 'void', ['void *']],
  releaseSessionOptions: [100, 'void', ['void *']],
  addSessionConfigEntry: [130, 'void *', ['void *', 'const char *', 'const char *']],
  createAndRegisterAllocator: [144, 'void *', ['void *', 'void *', 'void *']],
  createArenaCfg: [156, 'void *', ['size_t', 'int', 'int', 'int', 'void *']],
  releaseArenaCfg: [157, 'void', ['void *']],
  runWithBinding: [133, 'void *', ['void *', 'void *', 'void *']],
  createIoBinding: [134, 'void *', ['void *', 'void *']],
  releaseIoBinding: [135, 'void', ['void *']],
  bindInput: [136, 'void *', ['void *', 'void *', 'void *']],
  bindOutput: [137, 'void *', ['void *', 'void *', 'void *']],
  synchronizeBoundOutputs: [203, 'void *', ['void *']],
  appendProvider: [216, 'void *', ['void *', 'const char *', 'void *', 'void *', 'size_t']],
  appendCuda: [204, 'void *', ['void *', 'void *']],
  createCudaOptions: [205, 'void *', ['void *']],
  updateCudaOptions: [206, 'void *', ['void *', 'void *', 'void *', 'size_t']],
  releaseCudaOptions: [208, 'void', ['void *']],
  createCustomOpDomain: [26, 'void *', ['const char *', 'void *']],
  addCustomOp: [27, 'void *', ['void *', 'void *']],
  addCustomOpDomain: [28, 'void *', ['void *', 'void *']],
  releaseCustomOpDomain: [101, 'void', ['void *']],
};

/** Functions that machine code calls, by their positions; the last one exists since version 17 (275 closes it). */
const ADDRESSES = {
  getTensorMutableData: 51,
  kernelContextGetInput: 90,
  kernelContextGetOutput: 91,
  kernelContextParallelFor: 274,
} as const;

/** Interface version asked for: old enough for any library of the last years, new enough for every slot above. */
const API_VERSION = 17;
const POINTER_BYTES = 8;
const RTLD_NOW = 2;

export class OrtApi {
  readonly call: OrtFunctions;
  /** Version of the library, e.g. `1.30.0`. */
  readonly version: string;
  /** Held because koffi unloads the library, and with it the functions of `call`, once its handle is collected. */
  readonly library: unknown;
  readonly #koffi: Koffi;
  readonly #table: Pointer;

  /** Opens the library. Throws where it cannot be loaded or does not know the interface. */
  constructor(libraryPath: string) {
    const koffi = loadKoffi();
    const library = koffi.load(libraryPath);
    this.library = library;
    keepLoaded(koffi, libraryPath);
    const base = asPointer(library.func('OrtGetApiBase', 'void *', [])());
    const getApi = functionAt(koffi, base, 0, 'void *', ['uint32_t']);
    this.version = String(functionAt(koffi, base, 1, 'const char *', [])());
    const api = getApi(API_VERSION) as Pointer | null;
    if (api === null)
      throw new ModelError(
        'PT_EXECUTOR',
        `ONNX Runtime ${this.version} (${libraryPath}) does not offer version ${API_VERSION} of its C interface`,
        'Install pipetrain again, which brings a version that does; for CUDA see docs/executors.md.',
      );
    this.#koffi = koffi;
    this.#table = api;
    this.call = Object.fromEntries(
      Object.entries(SLOTS).map(([name, [slot, result, args]]) => [name, functionAt(koffi, api, slot, result, args)]),
    ) as unknown as OrtFunctions;
  }

  /** Where a function lies. */
  address(name: keyof typeof ADDRESSES): Pointer {
    return asPointer(this.#koffi.decode(this.#table, ADDRESSES[name] * POINTER_BYTES, 'void *'));
  }

  /** The message of a status that is not null, which is released; null for success. */
  takeError(status: Status): string | null {
    if (status === null) return null;
    const message = this.call.getErrorMessage(status);
    this.call.releaseStatus(status);
    return message;
  }

  /** Throws a ModelError (PT_EXECUTOR) that begins with `what` unless the call succeeded. */
  check(status: Status, what: string, hint: string): void {
    const message = this.takeError(status);
    if (message !== null) throw new ModelError('PT_EXECUTOR', `${what}: ${message}`, hint);
  }

  /** Throws the error of a failed run (see runFailure) unless the call succeeded. */
  checkRun(status: Status, run: Omit<RunFailure, 'reason'>): void {
    const reason = this.takeError(status);
    if (reason !== null) throw runFailure({ ...run, reason });
  }

  /** Runs a function that writes a new object's pointer, and returns it. */
  create(what: string, hint: string, make: (out: PointerCell) => Status): Pointer {
    const cell = new BigUint64Array(1);
    this.check(make(cell), what, hint);
    return asPointer(cell[0]);
  }
}

/**
 * Takes one more reference to the library and never gives it back: where an executor is dropped without `close`, the
 * threads of its sessions still run code of the library, and unloading it would crash the process.
 */
function keepLoaded(koffi: Koffi, libraryPath: string): void {
  if (process.platform === 'win32') return;
  koffi.load(null).func('dlopen', 'void *', ['const char *', 'int'])(libraryPath, RTLD_NOW);
}

function functionAt(
  koffi: Koffi,
  table: Pointer,
  slot: number,
  result: string,
  args: readonly string[],
): (...values: readonly unknown[]) => unknown {
  const address = asPointer(koffi.decode(table, slot * POINTER_BYTES, 'void *'));
  return koffi.decode(address, koffi.proto(result, [...args])) as (...values: readonly unknown[]) => unknown;
}

function asPointer(value: unknown): Pointer {
  invariant(typeof present(value, 'a native pointer') === 'bigint', () => `not a native pointer: ${String(value)}`);
  return value as Pointer;
}

/** A C array of pointers to C strings. `address` is valid as long as this object is referenced. */
export class NativeStrings {
  readonly address: Pointer;
  readonly #table: BigUint64Array;
  readonly #text: Uint8Array;

  constructor(strings: readonly string[]) {
    this.#text = new TextEncoder().encode(strings.map((text) => `${text}\0`).join(''));
    this.#table = new BigUint64Array(Math.max(1, strings.length));
    const start = this.#text.length === 0 ? 0n : addressOf(this.#text);
    let offset = 0;
    strings.forEach((text, i) => {
      this.#table[i] = start + BigInt(offset);
      offset += Buffer.byteLength(text) + 1;
    });
    this.address = addressOf(this.#table);
  }

  /** Address of the first string. */
  get first(): Pointer {
    return present(this.#table[0], 'a string');
  }
}
