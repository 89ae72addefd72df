// SystemCalls: the calls of the C library that memory and locks are had with. Looked up once per process, since a
// look-up takes longer than most of the calls; what is asked of them is the callers' business.
import { WorkerError } from '../core/errors.js';
import { loadKoffi, type Pointer } from './native.js';

export interface SystemCalls {
  /** The address of the mapping, `MAP_FAILED` where there is none. */
  mmap(address: null, bytes: number, protection: number, flags: number, file: number, offset: number): Pointer;
  mprotect(address: Pointer, bytes: number, protection: number): number;
  munmap(address: Pointer, bytes: number): number;
  /** 0, or the number of an error. Linux only. */
  fallocate(file: number, offset: number, bytes: number): number;
  /** 0, or -1. Linux on x64 only. */
  archPrctl(code: number, argument: number): number;
  /** 0, or -1. */
  flock(file: number, operation: number): number;
}

type SystemCall = (number: number, first: number, second: number) => number | bigint;

/** Number of the call on x64, which has no function in the C library. */
const ARCH_PRCTL = 158;

export const MAP_FAILED = 2n ** 64n - 1n;

/**
 * The calls of the C library, which every process on these systems has loaded already. Throws a WorkerError
 * (PT_SHM_FILE) on other systems.
 */
export const systemCalls = once((): SystemCalls => {
  if (process.platform !== 'linux' && process.platform !== 'darwin')
    throw new WorkerError(
      'PT_SHM_FILE',
      `Shared memory between processes is made for linux and darwin, this is ${process.platform}`,
      'Train with one worker here, or run pipetrain inside a Linux container.',
    );
  const library = loadKoffi().load(null);
  return {
    mmap: library.func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']) as SystemCalls['mmap'],
    mprotect: library.func('mprotect', 'int', ['void *', 'size_t', 'int']) as SystemCalls['mprotect'],
    munmap: library.func('munmap', 'int', ['void *', 'size_t']) as SystemCalls['munmap'],
    fallocate:
      process.platform === 'linux'
        ? (library.func('posix_fallocate', 'int', ['int', 'int64_t', 'int64_t']) as SystemCalls['fallocate'])
        : () => -1,
    archPrctl: (code, argument) =>
      Number((library.func('syscall', 'long', ['long', 'long', 'long']) as SystemCall)(ARCH_PRCTL, code, argument)),
    flock: library.func('flock', 'int', ['int', 'int']) as SystemCalls['flock'],
  };
});

function once<T>(make: () => T): () => T {
  let made: T | null = null;
  return () => (made ??= make());
}
