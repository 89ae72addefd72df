// Exit: what a person sees of an error, and the exit code it ends the command with. It handles errors; it raises none.
import { EXIT, type ExitCode, messageOf, PipetrainError } from '../../engine/core/errors.js';
import type { Output } from '../console/io.js';

/** Of the stack of a defect; an error of a bundle may quote a line of it. */
const MOST_STACK = 8000;

/** Prints an error for a person, or a defect with its stack, and returns the exit code. */
export function reportError(error: unknown, stderr: Output): ExitCode {
  if (error instanceof PipetrainError && error.code !== 'PT_INTERNAL') {
    stderr.write(`error: ${error.message} [${error.code}]\n`);
    if (error.hint !== '') stderr.write(`hint: ${error.hint}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.write(`error: ${messageOf(error).slice(0, MOST_STACK)} [PT_INTERNAL]\n${stack.slice(0, MOST_STACK)}\n`);
  stderr.write('hint: This is a defect of pipetrain; please report it with the lines above and the run folder.\n');
  return EXIT.internal;
}
