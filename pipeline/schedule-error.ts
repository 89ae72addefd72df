// ScheduleError: a schedule, or the text of one, that cannot run. The message carries the grid with the failing cell
// marked.
import { UsageError } from '../engine/core/errors.js';

/** Code PT_SCHEDULE. */
export class ScheduleError extends UsageError {
  constructor(message: string, hint: string) {
    super('PT_SCHEDULE', message, hint);
  }
}
