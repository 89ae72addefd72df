// TrainingRun: a run that goes on, as a value that a program may watch, stop and wait for. What programs see of it.
import type { RunEvent } from '../events/events.js';
import type { Callbacks } from './callbacks.js';
import type { TrainedRun } from './trained-run.js';

/**
 * A run that goes on. To iterate over it gives its events, those of the past included (the newest 10,000; all are in
 * events.jsonl): iterating is never needed, may be given up at any time, and a slow reader does not slow the run down.
 * It ends with the run, and throws what ended a run that failed.
 */
export interface TrainingRun extends AsyncIterable<RunEvent> {
  /** The run folder. */
  readonly folder: string;
  /**
   * What was trained, when the run has ended, by itself or because it was asked to stop (`summary.status` says which).
   * Rejects with the PipetrainError of a run that failed; a program that neither waits for it nor iterates ends with
   * it, as with any promise.
   */
  readonly result: Promise<TrainedRun>;
}

export interface RunOptions {
  /** When it is aborted the run stops in order, as after Ctrl-C: the step is finished, the run validated and saved. */
  readonly signal?: AbortSignal | undefined;
  readonly callbacks?: Callbacks | undefined;
  /** What workers that come from outside must know (`listen`); a random one where none is given. */
  readonly token?: string | undefined;
}
