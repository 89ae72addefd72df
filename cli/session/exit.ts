// Exit: what a person sees of an error, and the exit code it ends the command with. It handles errors; it raises none.
import { EXIT, type ExitCode, messageOf, PipetrainError } from '../../engine/core/errors.js';
import type { Output } from '../console/output.js';
import { clip } from '../text/format.js';

/** Characters of a message: a name, a value or a line of a bundle in it may be as long as somebody made it. */
const MOST_TOLD = 8000;

/** A text of several lines, of which only the first begins where an error of ours does. */
const told = (text: string): string => clip(text, MOST_TOLD).replace(/\n(?! {2})/g, '\n  ');

/** Prints an error for a person, or a defect with its stack, and returns the exit code. */
export function reportError(error: unknown, stderr: Output): ExitCode {
  if (error instanceof PipetrainError && error.code !== 'PT_INTERNAL') {
    stderr.write(`error: ${told(error.message)} [${error.code}]\n`);
    if (error.hint !== '') stderr.write(`hint: ${told(error.hint)}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.write(`error: ${told(messageOf(error))} [PT_INTERNAL]\n${told(stack)}\n`);
  stderr.lines(['hint: This is a defect of pipetrain; please report it with the lines above and the run folder.']);
  return EXIT.internal;
}
