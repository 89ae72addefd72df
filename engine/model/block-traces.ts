// BlockTraces: the graphs of the blocks of one model, each traced once per process, and for a built-in model once per
// installation: its graphs follow from its options and the data's facts, so they may be kept on disk. Those of a model
// that somebody plugged in are always traced anew, since code can read anything: a file it imports, one it opens, the
// environment.
import { deserialize, serialize } from 'node:v8';
import type { KeptResults } from '../tensor/program-shelf.js';
import type { BlockGraph } from './block-graph.js';

export class BlockTraces {
  readonly #known = new Map<string, BlockGraph>();
  readonly #kept: KeptResults | null;
  /** All that a built-in model is made from; null for any other. */
  readonly #identity: string | null;
  #traced = 0;

  constructor(kept: KeptResults | null, identity: string | null) {
    this.#kept = kept;
    this.#identity = identity;
  }

  /** Graphs that had to be traced since the last call. */
  takeTraced(): number {
    const traced = this.#traced;
    this.#traced = 0;
    return traced;
  }

  /** The graph named by `key` among those of the model. */
  get(key: string, trace: () => BlockGraph): BlockGraph {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const graph = this.#read(key) ?? this.#trace(key, trace);
    this.#known.set(key, graph);
    return graph;
  }

  #read(key: string): BlockGraph | null {
    const name = this.#nameOf(key);
    const found = name === null ? null : (this.#kept?.disk.get(name) ?? null);
    return found === null ? null : (deserialize(found) as BlockGraph);
  }

  #trace(key: string, trace: () => BlockGraph): BlockGraph {
    this.#traced++;
    const graph = trace();
    const name = this.#nameOf(key);
    if (name !== null) this.#kept?.disk.put(name, serialize(graph));
    return graph;
  }

  #nameOf(key: string): string | null {
    return this.#kept === null || this.#identity === null
      ? null
      : `trace ${this.#kept.codeDigest} ${this.#identity} ${key}`;
  }
}
