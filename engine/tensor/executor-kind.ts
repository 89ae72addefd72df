// ExecutorKind: an executor that workers can be told to use, before it is opened: its name, what it needs, and how it
// is opened. Whether it works shows only when it is open.
import type { Executor, ExecutorOptions } from './executor.js';

export interface ExecutorKind {
  /** As `--devices NAME:N` and messages have it: small letters, digits, dashes. */
  readonly name: string;
  /** Another name for `--devices`, which texts prefer. */
  readonly shortName?: string;
  /** What computes, in words. */
  readonly what: string;
  /** Whether our machine code may be among its operators. Absent: it may not. */
  readonly takesKernels?: boolean;
  /** Whether it has memory of its own, in which all that it computes with stays. Absent: it has not. */
  readonly hasMemory?: boolean;
  /** Throws a UsageError (PT_DEVICES) where something is not installed; opens nothing. Absent: it needs nothing. */
  find?(): void;
  /** What of this machine computes, in words: versions, GPUs. Only where `find` finds all. Absent: `what` says it. */
  here?(): string;
  /**
   * What its bits depend on besides its name, the processor and ONNX Runtime, for each of the first `count` devices: a
   * version, a kind of GPU. Only where `find` finds all. Absent: nothing else.
   */
  bitsOf?(count: number): readonly string[];
  /**
   * Opens it on the device of that number (GPUs only). Throws a UsageError (PT_DEVICES) where this machine does not
   * have it, a ModelError (PT_EXECUTOR) where it does not work.
   */
  open(options: ExecutorOptions, device: number): Executor | Promise<Executor>;
}
