// ReportFormat: a way to write a run for another program or another page. Not report.html, which is for looking at.
import type { Events } from '../../../engine/events/steps-that-count.js';
import type { Summary } from '../../../engine/events/summary.js';
import type { EventOf } from '../../../engine/events/summary.js';

/** A run as formats see it. */
export interface RecordedRun {
  readonly summary: Summary;
  readonly events: Events;
  /** The whole validations that count, in order. */
  readonly evaluations: readonly EventOf<'evaluation'>[];
  /** When the run began, seconds since 1970, as far as its files tell. */
  readonly beganAt: number;
}

export interface ReportFormat {
  readonly name: string;
  /** One line for --help. */
  readonly summary: string;
  /** Path of the file in the run folder, where nobody names another. */
  readonly file: (run: RecordedRun) => string;
  /** The file, piece by piece. */
  readonly write: (run: RecordedRun) => Generator<string | Uint8Array>;
}
