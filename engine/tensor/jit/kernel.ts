// Kernel: a routine in machine code for fixed shapes, and what its caller must know. Where it lies in memory and who
// calls it is not its business.
import type { PortDType } from '../shape.js';

export interface Kernel {
  /**
   * Position independent, to be placed at a multiple of 64 bytes; begins with its entry: `void kernel(void **buffers,
   * void *scratch, size_t part)` of the System V interface. `buffers` are the addresses of the inputs, then the
   * outputs.
   */
  readonly code: Uint8Array;
  /** Element types of the inputs. */
  readonly inputs: readonly PortDType[];
  /** Number of elements of each output. */
  readonly outputs: readonly number[];
  /** Their element types; absent: all are float32. */
  readonly outputTypes?: readonly PortDType[];
  /** Bytes of scratch memory for each part, 64-byte aligned; what is in it does not outlive a call. */
  readonly scratchBytes: number;
  /**
   * Into how many parts the work is cut, which may run at once, on threads of their own; without it there is one. What
   * they write is the same bits for every number of parts.
   */
  readonly parts?: number;
}
