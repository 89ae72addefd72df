// CoordinatorOptions: what a coordinator is opened with, what it learns when the run is read, and what it is told with
// every commit. Types only.
import type { TrainConfig } from '../core/config.js';
import type { RunFacts } from '../protocol/expected-report.js';
import type { Report } from '../protocol/messages.js';
import type { ModelState } from '../state/depot.js';
import type { RunStatus } from '../status/run-status.js';
import type { SignOfLife } from '../status/status-board.js';

/** A RunSetup with a `programCache` will do. */
export interface CoordinatorOptions {
  readonly config: TrainConfig;
  /** As many are started. */
  readonly workers: readonly string[];
  readonly microBatch: number;
  /** Folder for what the workers keep between runs, or null. */
  readonly programCache: string | null;
  /** Folder of the checkpoints of the run; default: it goes back to none. */
  readonly checkpoints?: string | undefined;
  /** What everybody who connects must know; a random one where none is given. */
  readonly token?: string | undefined;
  /** How the run stands, for those who ask; given the signs of life of the workers. Default: a run without events. */
  readonly status?: (signs: readonly SignOfLife[]) => RunStatus;
}

/** What a coordinator has to know of a run so that workers may join, and whom it tells what happens. */
export interface ServedRun {
  /** Digests of the model and the data, for workers that join; asked when one comes. */
  readonly digests: () => { readonly model: string; readonly data: string };
  /** The state that the model has; asked where workers of other hosts take part. */
  readonly model: () => ModelState;
  /** By which reports of workers are checked. */
  readonly facts: () => RunFacts;
  readonly onReport: (report: Report, worker: string) => void;
  /** Told of connections that were not let in or were cut: who, and why. */
  readonly onDropped: (peer: string, reason: string) => void;
  /** Told where a worker that wants to join cannot take part. */
  readonly onRefused: (worker: string, reason: string) => void;
}

export interface Update {
  readonly learningRate: number;
  readonly gradientScale: number;
  readonly updateCount: number;
  /** Factors of the learning rate per block; absent: 1 for all. */
  readonly rates?: number[] | undefined;
  /** Updates that the optimizer states of each block have seen with this one; absent: `updateCount` for all. */
  readonly counts?: number[] | undefined;
  /** Version of the snapshot to write after the update, or null. */
  readonly snapshot: number | null;
}
