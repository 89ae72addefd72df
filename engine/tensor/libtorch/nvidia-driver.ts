// NvidiaDriver: what the libraries of NVIDIA's driver tell of this machine's GPUs. They come with the driver, so that
// they are there says that it is installed. No memory of a GPU is taken, and nothing is computed on one.
import { messageOf } from '../../core/errors.js';
import { addressOf, type Koffi, loadKoffi } from '../native.js';

export interface Gpu {
  /** As CUDA numbers them for this process, from 0. */
  readonly index: number;
  /** E.g. `NVIDIA H200`. */
  readonly name: string;
  readonly memoryBytes: number;
  /** Compute capability, e.g. `9.0`. */
  readonly capability: string;
}

export interface DriverReport {
  /** Those that this process may use. */
  readonly gpus: readonly Gpu[];
  /** How many the machine has; null where that is not told. */
  readonly installed: number | null;
  /** Of the driver, e.g. `580.65.06`; null where it is not told. */
  readonly version: string | null;
  /** Newest version of CUDA that the driver knows, e.g. `13.0`; null where there is no driver. */
  readonly cuda: string | null;
  /** Why there are no GPUs: in the driver's words; null where there are some. */
  readonly problem: string | null;
}

/** The libraries by the names under which the system finds them. */
export interface DriverLibraries {
  readonly cuda: string;
  readonly management: string;
}

const LIBRARIES: DriverLibraries = { cuda: 'libcuda.so.1', management: 'libnvidia-ml.so.1' };

const SUCCESS = 0;
/** Numbers of CUdevice_attribute. */
const CAPABILITY_MAJOR = 75;
const CAPABILITY_MINOR = 76;
const NAME_BYTES = 256;
const VERSION_BYTES = 96;

/** Asks the driver. Where it is missing or broken the report says so; nothing is thrown. */
export function askDriver(libraries: DriverLibraries = LIBRARIES): DriverReport {
  const none = { gpus: [], cuda: null };
  let koffi: Koffi;
  try {
    koffi = loadKoffi();
  } catch (error) {
    return { ...none, installed: null, version: null, problem: `native calls are not possible: ${messageOf(error)}` };
  }
  const management = managed(koffi, libraries.management);
  try {
    return { ...visible(koffi, libraries.cuda), ...management };
  } catch {
    return { ...none, ...management, problem: `there is no NVIDIA driver (${libraries.cuda} does not load)` };
  }
}

type Table = (name: string, args: readonly string[]) => (...values: readonly unknown[]) => number;

/** Functions of a library, which return a status. Throws where there is no such library. */
function tableOf(koffi: Koffi, path: string): Table {
  const library = koffi.load(path);
  return (name, args) => library.func(name, 'int', [...args]) as (...values: readonly unknown[]) => number;
}

const zeroEnded = (bytes: Buffer): string => bytes.toString('utf8', 0, Math.max(0, bytes.indexOf(0)));

/** The machine as a whole, whatever this process may see of it. */
function managed(koffi: Koffi, path: string): Pick<DriverReport, 'installed' | 'version'> {
  const unknown = { installed: null, version: null };
  try {
    const table = tableOf(koffi, path);
    if (table('nvmlInit_v2', [])() !== SUCCESS) return unknown;
    const count = new Uint32Array(1);
    const version = Buffer.alloc(VERSION_BYTES);
    const counted = table('nvmlDeviceGetCount_v2', ['void *'])(count) === SUCCESS;
    const told = table('nvmlSystemGetDriverVersion', ['void *', 'uint'])(version, VERSION_BYTES) === SUCCESS;
    table('nvmlShutdown', [])();
    return { installed: counted ? (count[0] ?? null) : null, version: told ? zeroEnded(version) : null };
  } catch {
    return unknown;
  }
}

/** Throws where the library is not there. */
function visible(koffi: Koffi, path: string): Pick<DriverReport, 'gpus' | 'cuda' | 'problem'> {
  const table = tableOf(koffi, path);
  const number = new Int32Array(1);
  const cuda = table('cuDriverGetVersion', ['void *'])(number) === SUCCESS ? cudaText(number[0] ?? 0) : null;
  const status = table('cuInit', ['uint'])(0);
  if (status !== SUCCESS) return { gpus: [], cuda, problem: problemOf(koffi, table, status) };
  const counted = table('cuDeviceGetCount', ['void *'])(number);
  if (counted !== SUCCESS) return { gpus: [], cuda, problem: problemOf(koffi, table, counted) };
  const gpus = Array.from({ length: number[0] ?? 0 }, (_, index) => gpuAt(table, index));
  return { gpus, cuda, problem: gpus.length > 0 ? null : 'the driver finds no GPU' };
}

/** 13020 is 13.2. */
const cudaText = (version: number): string => `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;

function problemOf(koffi: Koffi, table: Table, status: number): string {
  const text = new BigUint64Array(1);
  const isKnown = table('cuGetErrorString', ['int', 'void *'])(status, text) === SUCCESS && text[0] !== 0n;
  const words = isKnown ? String(koffi.decode(addressOf(text), 'const char *')) : 'no reason told';
  return `the NVIDIA driver answers with error ${status} (${words})`;
}

function gpuAt(table: Table, index: number): Gpu {
  const device = new Int32Array(1);
  table('cuDeviceGet', ['void *', 'int'])(device, index);
  const handle = device[0] ?? 0;
  const name = Buffer.alloc(NAME_BYTES);
  table('cuDeviceGetName', ['void *', 'int', 'int'])(name, NAME_BYTES, handle);
  const bytes = new BigUint64Array(1);
  table('cuDeviceTotalMem_v2', ['void *', 'int'])(bytes, handle);
  const attribute = (which: number): number => {
    const value = new Int32Array(1);
    table('cuDeviceGetAttribute', ['void *', 'int', 'int'])(value, which, handle);
    return value[0] ?? 0;
  };
  return {
    index,
    name: zeroEnded(name),
    memoryBytes: Number(bytes[0]),
    capability: `${attribute(CAPABILITY_MAJOR)}.${attribute(CAPABILITY_MINOR)}`,
  };
}
