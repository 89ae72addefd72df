// Exit: what a person sees of an error, and the exit code it ends the command with. It handles errors; it raises none.
import { EXIT, type ExitCode, messageOf, PipetrainError, systemError } from '../../engine/core/errors.js';
import type { Output } from '../console/output.js';
import { clip, wrap } from '../text/format.js';

/** Characters of a message: a name, a value or a line of a bundle in it may be as long as somebody made it. */
const MOST_TOLD = 8000;

/** A text of several lines, of which only the first begins where an error of ours does. */
const told = (text: string): string => clip(text, MOST_TOLD).replace(/\n(?! {2})/g, '\n  ');

/** Lines that fit a terminal; a file or a pipe gets each as it is, to be searched. */
function lines(text: string, { isTerminal, columns }: Output): string {
  const width = Math.max(20, columns() - 1);
  const fitted = (line: string): string[] =>
    line.length <= width ? [line] : wrap(line, width, line.length - line.trimStart().length + 2);
  return `${isTerminal ? text.split('\n').flatMap(fitted).join('\n') : text}\n`;
}

/** Prints an error for a person, or a defect with its stack, and returns the exit code. */
export function reportError(error: unknown, stderr: Output): ExitCode {
  const known = error instanceof PipetrainError ? error : systemError(error);
  if (known !== null && known.code !== 'PT_INTERNAL') {
    stderr.write(lines(`error: ${told(known.message)} [${known.code}]`, stderr));
    if (known.hint !== '') stderr.write(lines(`hint: ${told(known.hint)}`, stderr));
    return known.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.write(`error: ${told(messageOf(error))} [PT_INTERNAL]\n${told(stack)}\n`);
  stderr.lines(['hint: This is a defect of pipetrain; please report it with the lines above and the run folder.']);
  return EXIT.internal;
}
