// OrtArena: the memory for what nodes leave for each other, one arena for all sessions of the process. Programs run one after the other, so
// what the forward has used is still in the cache for the backward. Without it every session keeps memory of its own.
import type { HugePages } from './huge-pages.js';
import type { Pointer } from './native.js';
import type { OrtApi } from './ort-api.js';

/** First piece of address space; pages that no program ever needs are never backed by memory. */
const FIRST_CHUNK_BYTES = 512 * 2 ** 20;
/** The arena rounds up; a request of all of it would make it grow. */
const RESERVED_BYTES = FIRST_CHUNK_BYTES - 2 ** 20;
const NO_LIMIT = 0;
const GROW_BY_DOUBLING = 0;
const DEFAULT = -1;

export class OrtArena {
  readonly #api: OrtApi;
  readonly #memory: Pointer;
  readonly #wish: HugePages;
  /** Whether the first chunk still waits for its pages. */
  #isNew: boolean;

  /** Where it cannot be had, each session makes its own; results are the same. */
  constructor(api: OrtApi, env: Pointer, memory: Pointer, wish: HugePages) {
    this.#api = api;
    this.#memory = memory;
    this.#wish = wish;
    const { call } = api;
    // Elsewhere address space counts as memory as soon as it is asked for.
    const firstChunk = process.platform === 'linux' ? FIRST_CHUNK_BYTES : DEFAULT;
    const arena = api.create('ONNX Runtime has no arena', '', (out) => call.createArenaCfg(NO_LIMIT, GROW_BY_DOUBLING, firstChunk, DEFAULT, out));
    // A second executor of the process finds the arena of the first.
    const error = api.takeError(call.createAndRegisterAllocator(env, memory, arena));
    call.releaseArenaCfg(arena);
    this.#isNew = error === null && firstChunk > 0;
  }

  /** Asks for huge pages in the first chunk, through the first session that can reach it. */
  reserve(session: Pointer): void {
    if (!this.#isNew) return;
    this.#isNew = false;
    const { call } = this.#api;
    const cell = new BigUint64Array(1);
    if (this.#api.takeError(call.createAllocator(session, this.#memory, cell)) !== null) return;
    const allocator = cell[0] as Pointer;
    if (this.#api.takeError(call.allocatorAlloc(allocator, RESERVED_BYTES, cell)) === null) {
      const chunk = cell[0] as Pointer;
      this.#wish(chunk, RESERVED_BYTES);
      this.#api.takeError(call.allocatorFree(allocator, chunk));
    }
    call.releaseAllocator(allocator);
  }
}
