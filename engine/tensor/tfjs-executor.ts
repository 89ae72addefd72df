// TfjsExecutor: replays the graph of a program with the kernels of a TensorFlow.js backend; ops without a kernel run as
// compositions of others. It copies what crosses the border of a program in both directions, and leaves no tensor
// behind between runs.
import { invariant } from '../core/invariant.js';
import type { Executor, ExecutorOptions, LoadedProgram } from './executor.js';
import type { Program } from './program.js';
import * as tf from './tf.js';
import type { TfjsKind } from './tfjs-kind.js';
import { TfjsProgram } from './tfjs-program.js';

export class TfjsExecutor implements Executor {
  readonly name: TfjsKind;
  readonly options: ExecutorOptions;
  /** Name of the backend in TensorFlow.js. */
  readonly backend: string;
  readonly #programs = new Set<TfjsProgram>();
  #closed = false;

  /** `backend` must be registered and initialised (see tfjs-backends.ts). */
  constructor(name: TfjsKind, backend: string, options: ExecutorOptions) {
    this.name = name;
    this.backend = backend;
    this.options = options;
  }

  load(program: Program): LoadedProgram {
    invariant(!this.#closed, () => `${program.name}: the executor is closed`);
    const loaded: TfjsProgram = new TfjsProgram(
      program,
      this.name,
      (body) => this.#active(body),
      () => this.#programs.delete(loaded),
    );
    this.#programs.add(loaded);
    return loaded;
  }

  close(): void {
    this.#closed = true;
    for (const program of [...this.#programs]) program.free();
  }

  /**
   * Runs `body` with this backend active and leaves the one that was. Both switches are synchronous: the backends are
   * initialised.
   */
  #active<T>(body: () => T): T {
    const engine = tf.engine();
    const previous: string | null | undefined = engine.backendName;
    if (previous === this.backend) return body();
    void engine.setBackend(this.backend);
    try {
      return body();
    } finally {
      if (previous != null && engine.backendNames().includes(previous)) void engine.setBackend(previous);
    }
  }
}
