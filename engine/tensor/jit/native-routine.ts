// NativeRoutine: machine code that JavaScript calls itself, with two words as arguments. What the words mean is settled
// between the caller and the code.
import { invariant } from '../../core/invariant.js';
import { loadKoffi, type Pointer } from '../native.js';
import { ExecutableMemory } from './executable-memory.js';

export class NativeRoutine {
  readonly #memory: ExecutableMemory;
  readonly #enter: (first: Pointer, second: Pointer) => void;
  #isFreed = false;

  /** Throws where the system forbids executable memory. */
  constructor(code: Uint8Array) {
    this.#memory = new ExecutableMemory(code.length);
    this.#memory.bytes.set(code);
    this.#memory.seal();
    const koffi = loadKoffi();
    const entry: unknown = koffi.decode(this.#memory.address, koffi.proto('void', ['uint64_t', 'uint64_t']));
    this.#enter = entry as (first: Pointer, second: Pointer) => void;
  }

  /** Calls the code. What the words point to must be alive, and as large as the code takes it to be. */
  call(first: Pointer, second: Pointer): void {
    invariant(!this.#isFreed, () => 'the routine is freed');
    this.#enter(first, second);
  }

  free(): void {
    this.#isFreed = true;
    this.#memory.free();
  }
}
