// Checkpointer: when checkpoints are written, and what becomes of it. It writes them beside training, one at a time,
// and tells of each what it cost or why it failed. How one is written is run-checkpoint.ts.
import { DataError, messageOf, PipetrainError } from '../core/errors.js';
import type { RunEventBody } from '../events/events.js';
import type { OwnKey } from '../run/own-key.js';
import type { RunSetup } from '../run/run-setup.js';
import type { BlockSource } from './checkpoint.js';
import { errnoOf, type FileLayer, realFiles } from './file-layer.js';
import { type RunState, saveCheckpoint, type SavedCheckpoint } from './run-checkpoint.js';

export interface CheckpointerOptions {
  readonly files?: FileLayer | undefined;
  /** The checkpoints folder of the run. */
  readonly folder: string;
  /** The folder of the run in shared memory. */
  readonly memory: string;
  readonly setup: RunSetup;
  readonly key: OwnKey | null;
  readonly emit: (event: RunEventBody) => void;
}

/** Where the state of every block will lie, and when: training may wait so many milliseconds for that. */
export interface CopiedState {
  readonly sources: readonly BlockSource[];
  readonly whole: Promise<number>;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #writing: Promise<void> = Promise.resolve();
  /** An event that could not be recorded ends the run, at the next chance to say so. */
  #failure: unknown = null;
  #writeMs = 0;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** Milliseconds that writing the last one took. */
  get writeMs(): number {
    return this.#writeMs;
  }

  /** Resolves when nothing is being written. Rejects where an event could not be recorded. */
  async idle(): Promise<void> {
    await this.#writing;
    if (this.#failure !== null) throw this.#failure as Error;
  }

  /**
   * Writes a checkpoint beside training, from sources that training does not touch, once they are whole; `stallMs` is
   * for how long training stood still for it so far. A failure is an event, not an error. Only when `idle`.
   */
  start(state: RunState, copy: CopiedState, stallMs: number): void {
    this.#writing = this.#write(state, copy, stallMs).then(
      () => undefined,
      (error: unknown) => {
        this.#failure ??= error;
      },
    );
  }

  /**
   * Writes a checkpoint while training stands still. A failure is an event, and null is the answer. Only when `idle`.
   */
  async write(state: RunState, sources: readonly BlockSource[]): Promise<SavedCheckpoint | null> {
    return this.#write(state, { sources, whole: Promise.resolve(0) }, null);
  }

  /** Waits for the checkpoint that is being written; whatever becomes of it. */
  async close(): Promise<void> {
    await this.#writing;
  }

  async #write(
    state: RunState,
    { sources, whole }: CopiedState,
    stallMs: number | null,
  ): Promise<SavedCheckpoint | null> {
    const { files = realFiles, emit, ...options } = this.#options;
    const { step } = state;
    let begin = performance.now();
    let waitedMs: number;
    let saved: SavedCheckpoint;
    try {
      waitedMs = await whole;
      begin = performance.now();
      saved = await saveCheckpoint({ files, ...options, state, sources });
    } catch (error) {
      const code = errnoOf(error) ?? (error instanceof PipetrainError ? error.code : 'PT_INTERNAL');
      emit({
        type: 'checkpoint.failed',
        step,
        code,
        reason: messageOf(error),
        seconds: (performance.now() - begin) / 1000,
      });
      return null;
    }
    const writeMs = (this.#writeMs = performance.now() - begin);
    const { path, bytes, pruneProblem } = saved;
    emit({
      type: 'checkpoint.saved',
      step,
      path,
      bytes,
      seconds: writeMs / 1000,
      stallMs: stallMs === null ? writeMs : stallMs + waitedMs,
      writeMs,
    });
    if (pruneProblem !== null)
      emit({ type: 'warning', message: `an old checkpoint could not be removed: ${pruneProblem}` });
    return saved;
  }
}

/** The last checkpoint of a run could not be written, so its result is not kept. */
export const notSaved = (folder: string): DataError =>
  new DataError(
    'PT_CHECKPOINT_WRITE',
    `the last checkpoint could not be written to ${folder}`,
    'Free space or correct the permissions, then go on with `pipetrain resume`; the checkpoints before are whole.',
  );
