// Memory of the machine in words: what a process may use and, where that is less than there is, both numbers and what
// holds it back.
import type { Allowance } from '../../engine/core/allowance.js';
import { bytes } from '../text/format.js';

/** E.g. `4.3 GB of 68.7 GB of memory by the limit of its control group`. */
export const memoryText = ({ memory, hostMemory, isMemoryLimited }: Allowance): string =>
  isMemoryLimited
    ? `${bytes(memory)} of ${bytes(hostMemory)} of memory by the limit of its control group`
    : `${bytes(memory)} of memory`;
