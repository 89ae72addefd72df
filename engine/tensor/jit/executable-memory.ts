// ExecutableMemory: a region of this process that holds machine code and the data beside it. It is filled while it may
// be written, then sealed: never writable and executable at the same time. What the code does is not its business.
import { invariant } from '../../core/invariant.js';
import { loadKoffi, type Pointer } from '../native.js';
import { MAP_FAILED, systemCalls } from '../system-calls.js';

const READ_WRITE = 1 | 2;
const READ_EXECUTE = 1 | 4;
/** Private and anonymous, as Linux numbers them. */
const PRIVATE_ANONYMOUS = 0x02 | 0x20;
const PAGE = 4096;

export class ExecutableMemory {
  /** Address of the first byte; a multiple of the page size. */
  readonly address: Pointer;
  readonly byteLength: number;
  #bytes: Uint8Array | null;
  #isFreed = false;

  /** Linux only. Throws where the system gives no memory. */
  constructor(bytes: number) {
    invariant(process.platform === 'linux', () => `no executable memory on ${process.platform}`);
    this.byteLength = Math.ceil(bytes / PAGE) * PAGE;
    this.address = systemCalls().mmap(null, this.byteLength, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
    if (this.address === MAP_FAILED) throw new Error(`the system gives no ${this.byteLength} bytes for machine code`);
    this.#bytes = new Uint8Array(loadKoffi().view(this.address, this.byteLength));
  }

  /** The contents, until `seal`. */
  get bytes(): Uint8Array {
    invariant(this.#bytes !== null, () => 'the region is sealed');
    return this.#bytes;
  }

  /** Makes the region executable and read-only. Throws where the system forbids it. */
  seal(): void {
    this.#bytes = null;
    const result = systemCalls().mprotect(this.address, this.byteLength, READ_EXECUTE);
    if (result !== 0) throw new Error('the system forbids executable memory');
  }

  /** Nothing may run in the region any more, nor later. */
  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#bytes = null;
    systemCalls().munmap(this.address, this.byteLength);
  }
}
