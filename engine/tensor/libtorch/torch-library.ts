// TorchLibrary: libtorch, opened for one device: its functions, its numbers for types and devices, and what it says of
// calls that fail. It owns no tensor.
import { join } from 'node:path';
import { messageOf, ModelError } from '../../core/errors.js';
import { type Koffi, loadKoffi } from '../native.js';
import type { DType } from '../shape.js';
import { MessageCapture } from './message-capture.js';
import { Schemas } from './schemas.js';
import { type NativeFunction, optionalFunction, type TorchFunctions, torchFunctions } from './torch-functions.js';

/** Where tensors are and kernels run. */
export interface TorchDevice {
  readonly type: 'cpu' | 'cuda';
  readonly index: number;
}

/** Types that kernels use on their way, besides those of programs. */
export type TorchDType = DType | 'float64' | 'int64';

type Library = ReturnType<Koffi['load']>;

const RTLD_NOW = 2;
const HINT = 'Run "pipetrain doctor"; it checks the PyTorch that was found.';
const LIBRARY_SUFFIX: Readonly<Record<string, string>> = { darwin: 'dylib' };

export class TorchLibrary {
  readonly device: TorchDevice;
  readonly call: TorchFunctions;
  readonly schemas: Schemas;
  readonly abi: bigint;
  readonly dtypes: Readonly<Record<TorchDType, number>>;
  readonly deviceTypes: Readonly<Record<TorchDevice['type'], number>>;
  /** Where functions write their results. Whoever calls the next function has read it. */
  readonly cell = new BigUint64Array(1);
  readonly #words: Int32Array;
  readonly #halves: Uint32Array;
  readonly #newValue: () => number;
  readonly #message: (() => string) | null;
  readonly #capture: MessageCapture | null;
  readonly #kernels: Library;
  /** Held because koffi unloads a library, and with it the functions, once its handle is collected. */
  readonly libraries: readonly unknown[];

  /** Throws a UsageError (PT_DEVICES) or a ModelError (PT_EXECUTOR) where the library of that folder is of no use. */
  constructor(folder: string, device: TorchDevice) {
    this.device = device;
    this.schemas = Schemas.of(folder);
    const koffi = loadKoffi();
    const file = libraryFile(folder, 'torch_cpu');
    const library = opened(koffi, file);
    const kernels = device.type === 'cpu' ? library : opened(koffi, libraryFile(folder, 'torch_cuda'));
    const runtime = koffi.load(process.platform === 'darwin' ? 'libc++.1.dylib' : 'libstdc++.so.6');
    this.#kernels = kernels;
    this.libraries = [library, kernels, runtime];
    this.call = torchFunctions(library, file);
    const { call } = this;
    this.abi = call.abiVersion();
    this.dtypes = {
      float32: call.float32(),
      float64: call.float64(),
      int32: call.int32(),
      int64: call.int64(),
      bool: call.bool(),
      bfloat16: call.bfloat16(),
    };
    this.deviceTypes = { cpu: call.cpuDevice(), cuda: call.cudaDevice() };
    this.#words = new Int32Array(this.cell.buffer);
    this.#halves = new Uint32Array(this.cell.buffer);
    const message = optionalFunction(library, 'torch_exception_get_what_without_backtrace', 'const char *', []);
    this.#message = message as (() => string) | null;
    this.#capture = message === null ? new MessageCapture() : null;
    this.#newValue = this.#newValueOf(library, runtime);
  }

  /** A function of the device's own, e.g. `mm_out` for `aoti_torch_cpu_mm_out`; null where this version has none. */
  typed(symbol: string, args: readonly string[]): NativeFunction | null {
    return optionalFunction(this.#kernels, `aoti_torch_${this.device.type}_${symbol}`, 'int', args);
  }

  /** What the last function wrote, as a handle or a size: these fit the whole numbers of JavaScript. */
  get result(): number {
    return (this.#halves[0] as number) + (this.#halves[1] as number) * 2 ** 32;
  }

  /** The same, of a function that writes 32 bits. */
  get smallResult(): number {
    return this.#words[0] as number;
  }

  /** Throws a ModelError (PT_EXECUTOR) with what libtorch says, after `what`, unless the call succeeded. */
  check(status: number, what: string): void {
    if (status !== 0) throw new ModelError('PT_EXECUTOR', `${what}: ${this.lastMessage()}`, HINT);
  }

  /** What libtorch says of the last call, which failed: one sentence or two, without the stack behind it. */
  lastMessage(): string {
    const text = this.#message === null ? (this.#capture?.take() ?? '') : this.#message();
    const said = text.replace(/^Exception in aoti_torch: /, '').split(/\nException raised from |\n\n/)[0] as string;
    return said.trim() === '' ? 'libtorch gives no reason; it may be in the error output' : said.trim();
  }

  /** Runs `body` so that `lastMessage` knows what libtorch says in it. */
  listened<T>(body: () => T): T {
    const capture = this.#capture;
    if (capture === null) return body();
    capture.begin();
    try {
      return body();
    } finally {
      capture.end();
    }
  }

  /** Address of 8 bytes that libtorch frees: what an optional argument points to. */
  newValue(): number {
    return this.#newValue();
  }

  setThreads(threads: number): void {
    if (this.call.getNumThreads() !== threads) this.call.setNumThreads(threads);
  }

  /** What allocates in the way in which this version frees. */
  #newValueOf(library: Library, runtime: Library): () => number {
    const own = optionalFunction(library, 'torch_new_stable_ivalue', 'int', ['void *']);
    if (own !== null)
      return () => {
        this.check(own(this.cell) as number, 'an optional argument');
        return this.result;
      };
    // Before 2.13: the memory of C++.
    const operatorNew = runtime.func('_Znwm', 'uint64', ['size_t']) as NativeFunction;
    return () => Number(operatorNew(BigUint64Array.BYTES_PER_ELEMENT));
  }
}

const libraryFile = (folder: string, name: string): string =>
  join(
    folder,
    'lib',
    process.platform === 'win32' ? `${name}.dll` : `lib${name}.${LIBRARY_SUFFIX[process.platform] ?? 'so'}`,
  );

/** Opens a library for good: its threads may still run when nobody holds it any more. */
function opened(koffi: Koffi, file: string): Library {
  try {
    const library = koffi.load(file);
    if (process.platform !== 'win32')
      koffi.load(null).func('dlopen', 'void *', ['const char *', 'int'])(file, RTLD_NOW);
    return library;
  } catch (error) {
    throw new ModelError('PT_EXECUTOR', `${file} cannot be loaded: ${messageOf(error)}`, HINT, { cause: error });
  }
}
