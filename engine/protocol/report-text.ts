// ReportText: the texts in what a worker reports, cut to the length that a coordinator takes: an error of a library may
// say more than anybody reads, and must not get the worker that repeats it dropped. Pure.
import type { ErrorRecord } from '../core/errors.js';
import { MAX_TEXT, type Report } from './messages.js';

const MAX_PEER = 200;
const MAX_REASON = 1000;

/** The beginning of a text that is too long, with the number of characters that are left out. */
export function clip(text: string, max = MAX_TEXT): string {
  if (text.length <= max) return text;
  const cut = ` ... (${text.length} characters)`;
  return `${text.slice(0, max - cut.length)}${cut}`;
}

/** As `clip`, of all texts of an error. */
export const clippedError = ({ code, exitCode, message, hint, stack }: ErrorRecord): ErrorRecord => ({
  code: code.slice(0, 64),
  exitCode,
  message: clip(message),
  hint: clip(hint),
  ...(stack === undefined ? {} : { stack: clip(stack) }),
});

const clipOrNull = (text: string | null): string | null => (text === null ? null : clip(text));

/** A report with its texts cut to what may be reported. */
export function clippedReport(report: Report): Report {
  switch (report.type) {
    case 'failed':
      return { ...report, error: clippedError(report.error) };
    case 'stuck':
      return { ...report, message: clip(report.message) };
    case 'cache-off':
      return { ...report, reason: clip(report.reason) };
    case 'dropped':
      return { ...report, peer: clip(report.peer, MAX_PEER), reason: clip(report.reason, MAX_REASON) };
    case 'snapshot-written':
    case 'state-copied':
      return { ...report, problem: clipOrNull(report.problem) };
    default:
      return report;
  }
}
