// The arena: the memory for what nodes leave for each other, one for all sessions of the process. Programs run one
// after the other, so what the forward has used serves the backward too: a process needs a tenth less memory than with
// an arena per session.
import type { Pointer } from './native.js';
import type { OrtApi } from './ort-api.js';

/** First piece of address space; pages that no program ever needs are never backed by memory. */
const FIRST_CHUNK_BYTES = 512 * 2 ** 20;
const NO_LIMIT = 0;
const GROW_BY_DOUBLING = 0;
const DEFAULT = -1;

/**
 * Registers the arena with the environment. Where it cannot be had, each session makes its own; results are the same.
 */
export function registerArena(api: OrtApi, env: Pointer, memory: Pointer): void {
  const { call } = api;
  // Elsewhere address space counts as memory as soon as it is asked for.
  const firstChunk = process.platform === 'linux' ? FIRST_CHUNK_BYTES : DEFAULT;
  const arena = api.create('ONNX Runtime has no arena', '', (out) =>
    call.createArenaCfg(NO_LIMIT, GROW_BY_DOUBLING, firstChunk, DEFAULT, out),
  );
  // A second executor of the process finds the arena of the first.
  api.takeError(call.createAndRegisterAllocator(env, memory, arena));
  call.releaseArenaCfg(arena);
}
