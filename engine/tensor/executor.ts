// Executor: runs programs on a device. One small interface, one conformance suite for all; it never allocates what
// crosses the border of a program: the caller brings the buffers, which lie in the host's memory or in the executor's.
import type { DeviceMemory, PortBuffer } from './device-memory.js';
import type { LogSumExpUse } from './fused/log-sum-exp.js';
import type { Program } from './program.js';

/** A program whose inputs and outputs are tied to buffers. Running it reads and writes those buffers, nothing else. */
export interface BoundProgram {
  run(): void;
  /** Releases what the binding holds on the device; the buffers stay the caller's. */
  free(): void;
}

export interface LoadedProgram {
  readonly program: Program;
  /**
   * Ties buffers to the ports, in port order. Buffers may be views over shared or mapped memory; each must have exactly
   * the port's number of elements. The binding keeps them alive until `free`. An executor with memory of its own takes
   * buffers in it too, and copies arrays of the host around each run.
   */
  bind(inputs: readonly PortBuffer[], outputs: readonly PortBuffer[]): BoundProgram;
  /** Frees the program. Its bindings must have been freed before. */
  free(): void;
}

export interface Executor {
  /** `ort-cpu`, `ort-cpu-binding`, ... */
  readonly name: string;
  /** Absent where programs compute in the memory of the host. */
  readonly memory?: DeviceMemory;
  /** Where its attention leaves logarithms of sums for the backward. Absent: it leaves probabilities. */
  readonly logSumExp?: LogSumExpUse;
  /**
   * Compiles a program for this device. Throws a ModelError that names program and op where the device has no kernel.
   */
  load(program: Program): LoadedProgram;
  /** Frees what is left. */
  close(): void;
}

/** An executor with memory of its own. */
export type ResidentExecutor = Executor & { readonly memory: DeviceMemory };

/** Whether an executor has memory of its own, in which what is computed with shall lie. */
export const isResident = (executor: Executor): executor is ResidentExecutor => executor.memory !== undefined;

export interface ExecutorOptions {
  /** Compute threads of this process (1 unless one worker owns the machine). */
  readonly threads: number;
  /** `off`: only the device's own operators. Default: our kernels where they can run. */
  readonly kernels?: 'auto' | 'off';
}
