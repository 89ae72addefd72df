// ProgramShelf: an executor that keeps what it has loaded. Programs with equal content share one loaded program,
// wherever they come from; those that nobody uses any more stay for a while, since the next plan often wants them
// again; and lowered ones are kept on disk between runs. It changes no result: a program is found by all of its
// content.
import { deserialize, serialize } from 'node:v8';
import type { DiskCache } from '../core/disk-cache.js';
import type { DeviceMemory } from './device-memory.js';
import type { Executor, LoadedProgram } from './executor.js';
import type { LogSumExpUse } from './fused/log-sum-exp.js';
import { type LoweredProgram, lowerProgram } from './lower.js';
import { onnxProgram, runsOnnx } from './onnx-executor.js';
import type { Program } from './program.js';
import { programDigest } from './program-digest.js';

/** Loaded programs that are kept though nobody uses them. */
const MOST_IDLE = 32;

/** A cache on disk, and the name of the code whose results may be found there. */
export interface KeptResults {
  readonly disk: DiskCache;
  readonly codeDigest: string;
}

/** Where loaded programs came from, and what that cost. */
export interface ShelfCounts {
  /** Loaded already, by this process. */
  readonly kept: number;
  /** Lowered by an earlier run. */
  readonly fromDisk: number;
  /** Lowered now. */
  readonly compiled: number;
  /** What loading took. */
  readonly ms: number;
}

interface Place {
  readonly loaded: LoadedProgram;
  users: number;
}

export class ProgramShelf implements Executor {
  readonly name: string;
  readonly memory?: DeviceMemory;
  readonly logSumExp?: LogSumExpUse;
  readonly #inner: Executor;
  readonly #kept: KeptResults | null;
  readonly #mostIdle: number;
  /** In the order of their last use. */
  readonly #places = new Map<string, Place>();
  readonly #digests = new WeakMap<Program, string>();
  #counts = { kept: 0, fromDisk: 0, compiled: 0, ms: 0 };

  /**
   * Closing the shelf closes `inner`. `kept` is null where nothing outlives this process. `usesMemory`: whether it has
   * the memory that `inner` has of its own.
   */
  constructor(inner: Executor, kept: KeptResults | null, { mostIdle = MOST_IDLE, usesMemory = true } = {}) {
    this.name = inner.name;
    if (usesMemory && inner.memory !== undefined) this.memory = inner.memory;
    if (inner.logSumExp !== undefined) this.logSumExp = inner.logSumExp;
    this.#inner = inner;
    this.#kept = kept;
    this.#mostIdle = mostIdle;
  }

  /** Counts since the last call. */
  takeCounts(): ShelfCounts {
    const counts = this.#counts;
    this.#counts = { kept: 0, fromDisk: 0, compiled: 0, ms: 0 };
    return counts;
  }

  load(program: Program): LoadedProgram {
    const begin = performance.now();
    try {
      return this.#load(program);
    } finally {
      this.#counts.ms += performance.now() - begin;
    }
  }

  close(): void {
    this.#places.clear();
    this.#inner.close();
  }

  #load(program: Program): LoadedProgram {
    const key = this.#digestOf(program);
    let place = this.#places.get(key);
    if (place === undefined) place = { loaded: this.#loadNew(program, key), users: 0 };
    else this.#counts.kept++;
    const held = place;
    held.users++;
    this.#touch(key, held);
    let isFreed = false;
    return {
      program,
      bind: (inputs, outputs) => held.loaded.bind(inputs, outputs),
      free: () => {
        if (isFreed) return;
        isFreed = true;
        held.users--;
        this.#trim();
      },
    };
  }

  #loadNew(program: Program, key: string): LoadedProgram {
    if (!runsOnnx(this.#inner)) {
      this.#counts.compiled++;
      return this.#inner.load(program);
    }
    return onnxProgram(
      program,
      this.#inner.loadModel({ name: program.name, ...this.#lowered(program, key, this.#inner.kernelThreads) }),
    );
  }

  #lowered(program: Program, key: string, kernelThreads: number): LoweredProgram {
    const name = `lowered for ${kernelThreads} ${this.#kept?.codeDigest ?? ''} ${key}`;
    const found = this.#kept?.disk.get(name) ?? null;
    if (found !== null) {
      this.#counts.fromDisk++;
      return deserialize(found) as LoweredProgram;
    }
    this.#counts.compiled++;
    const lowered = lowerProgram(program, kernelThreads);
    this.#kept?.disk.put(name, serialize(lowered));
    return lowered;
  }

  #digestOf(program: Program): string {
    let digest = this.#digests.get(program);
    if (digest === undefined) {
      digest = programDigest(program);
      this.#digests.set(program, digest);
    }
    return digest;
  }

  #touch(key: string, place: Place): void {
    this.#places.delete(key);
    this.#places.set(key, place);
  }

  /** Frees what was not used for the longest time where more lies idle than is allowed. */
  #trim(): void {
    const idle = [...this.#places].filter(([, { users }]) => users === 0);
    for (const [key, { loaded }] of idle.slice(0, Math.max(0, idle.length - this.#mostIdle))) {
      loaded.free();
      this.#places.delete(key);
    }
  }
}
