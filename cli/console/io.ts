// CliIo: the outside world of a command: two outputs, the environment, a clock, signals. Commands get it handed in, so
// that tests need no process. It formats nothing.
import type { EventEmitter } from 'node:events';

export interface Output {
  write(text: string): void;
  /** A terminal that can redraw a line. */
  readonly isTerminal: boolean;
  /** Whether colours are welcome. */
  readonly hasColour: boolean;
  /** Characters per line, asked anew at every line. */
  readonly columns: () => number;
}

export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** Emits 'SIGINT' and 'SIGTERM'. */
  readonly signals: EventEmitter;
  /** Ends the process now, without saving. */
  readonly exitNow: (code: number) => void;
}

/** Width where the output tells none: pipes and files, later read at any width. */
const PLAIN_COLUMNS = 80;

function outputOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Output {
  // A reader that goes away (`| head`) must not end a training run.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const isTerminal = stream.isTTY && env['TERM'] !== 'dumb';
  return {
    write: (text) => void stream.write(text),
    isTerminal,
    // https://no-color.org: any value but the empty one switches colours off.
    hasColour: isTerminal && !env['NO_COLOR'],
    columns: () => (isTerminal && stream.columns > 0 ? stream.columns : PLAIN_COLUMNS),
  };
}

/** The real world. */
export function processIo(): CliIo {
  const { env } = process;
  return {
    stdout: outputOf(process.stdout, env),
    stderr: outputOf(process.stderr, env),
    env,
    now: () => new Date(),
    signals: process,
    exitNow: (code) => process.exit(code),
  };
}
