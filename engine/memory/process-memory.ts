// ProcessMemory: how much memory this worker has needed so far, so that the workers of a host add up to what they use
// together: what is private to the process, and the shared files that this worker made. A page that it maps from
// another worker is counted there.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from './leftovers.js';

const STATUS = '/proc/self/status';

export interface MemoryReading {
  /** Resident now, shared pages included, bytes. */
  readonly residentBytes: number;
  /** Most so far by the count above, bytes. */
  readonly peakBytes: number;
}

export class ProcessMemory {
  readonly #folder: string;
  readonly #worker: string;
  #peakPrivate = 0;
  #peakShared = 0;
  #peakMapped = 0;

  /** `folder` is that of the run in shared memory; the files of a worker begin with its name. */
  constructor(folder: string, worker: string) {
    this.#folder = folder;
    this.#worker = worker;
  }

  /** To be called when this worker has made shared files; their sizes never change. */
  noteShared(): void {
    const own = namesIn(this.#folder).filter((name) => name.startsWith(`${this.#worker}.`));
    const bytes = own.reduce(
      (sum, name) => sum + (statSync(join(this.#folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
    this.#peakShared = Math.max(this.#peakShared, bytes);
  }

  /**
   * On Linux the highest resident set the kernel has seen (VmHWM) less the most shared pages seen in it, plus the
   * worker's own shared files. Elsewhere the highest resident set, shared pages included.
   */
  read(): MemoryReading {
    const residentBytes = process.memoryUsage.rss();
    const status = readStatus();
    if (status === null) return { residentBytes, peakBytes: process.resourceUsage().maxRSS * 1024 };
    const { VmHWM: highest = 0, VmRSS: resident = 0, RssShmem: mapped = 0 } = status;
    this.#peakMapped = Math.max(this.#peakMapped, mapped);
    // The two highest moments need not coincide, so the sampled value is a floor.
    this.#peakPrivate = Math.max(this.#peakPrivate, resident - mapped, highest - this.#peakMapped);
    return { residentBytes, peakBytes: this.#peakPrivate + this.#peakShared };
  }
}

/** Sizes in bytes by name, or null where there is no such file. */
function readStatus(): Readonly<Record<string, number>> | null {
  try {
    const lines = readFileSync(STATUS, 'latin1').matchAll(/^(\w+):\s+(\d+) kB$/gm);
    return Object.fromEntries([...lines].map(([, name = '', value]) => [name, Number(value) * 1024]));
  } catch {
    return null;
  }
}
