// StoreContents: which samples a store holds, in memory or on a disk, told from outside, by a process that neither
// reads nor writes records.
import { openIndex } from './activation-store.js';
import { readHeader, STATE, storeLayout } from './store-layout.js';

export interface StoreContents {
  readonly depth: number;
  /** `levelDigest` of the level. */
  readonly digest: string;
  readonly recordBytes: number;
  /** Sample ids whose records are ready, as runs [from, to). */
  readonly samples: readonly (readonly [from: number, to: number])[];
}

/** Looks at the store in a file. Throws where it is none. */
export function storeContents(path: string): StoreContents {
  const file = openIndex(path);
  try {
    const { depth, digest, recordWords, firstSample, capacity } = readHeader(file.buffer, path, file.bytes);
    const { stateOffset } = storeLayout(recordWords, capacity);
    return {
      depth,
      digest,
      recordBytes: 4 * recordWords,
      samples: readyRuns(new Uint8Array(file.buffer, stateOffset, capacity), firstSample),
    };
  } finally {
    file.close();
  }
}

function readyRuns(states: Uint8Array, firstSample: number): [number, number][] {
  const runs: [number, number][] = [];
  for (const [slot, state] of states.entries()) {
    if (state !== STATE.ready) continue;
    const id = firstSample + slot;
    const last = runs.at(-1);
    if (last?.[1] === id) last[1] = id + 1;
    else runs.push([id, id + 1]);
  }
  return runs;
}
