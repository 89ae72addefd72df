// CliIo: the outside world of a command: two outputs, the environment, a clock, signals. Commands get it handed in, so
// that tests need no process. It formats nothing.
import type { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { harmlessLine } from '../../engine/core/harmless-text.js';
import { TOKEN_VARIABLE } from '../config/config-layers.js';
import { type Output, outputTo } from './output.js';

export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** Emits 'SIGINT', 'SIGTERM' and 'SIGHUP'. */
  readonly signals: EventEmitter;
  /** Asks the person at the terminal for a line; null where nobody is there to answer. */
  readonly ask: ((question: string) => Promise<string>) | null;
  /** Ends the process now, without saving. */
  readonly exitNow: (code: number) => void;
}

/** Width where the output tells none: pipes and files, later read at any width. */
const PLAIN_COLUMNS = 80;

function outputOf(
  stream: NodeJS.WriteStream,
  name: string,
  env: NodeJS.ProcessEnv,
  onLost: (why: string) => void,
): Output {
  let isOpen = true;
  let lost: string | null = null;
  // A full disk, a terminal that was closed, or a reader that goes away (`| head`) must not end a training run.
  const lose = (error: NodeJS.ErrnoException): void => {
    if (!isOpen) return;
    isOpen = false;
    if (error.code === 'EPIPE') return;
    lost = error.message;
    onLost(lost);
  };
  stream.on('error', lose);
  const isTerminal = stream.isTTY && env['TERM'] !== 'dumb';
  const sink = (text: string): void => {
    try {
      if (isOpen) stream.write(text);
    } catch (error) {
      lose(error as NodeJS.ErrnoException);
    }
  };
  return outputTo(sink, {
    name,
    lostBecause: () => lost,
    isTerminal,
    // https://no-color.org: any value but the empty one switches colours off.
    hasColour: isTerminal && !env['NO_COLOR'],
    columns: () => (isTerminal && stream.columns > 0 ? stream.columns : PLAIN_COLUMNS),
  });
}

async function askTerminal(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // It tells names of others, and does not go through an output.
    return await lines.question(harmlessLine(question));
  } finally {
    lines.close();
  }
}

/** The real world. */
export function processIo(): CliIo {
  const env = { ...process.env };
  // The programs that this one starts inherit what the process has; they are told the token where they need it.
  delete process.env[TOKEN_VARIABLE];
  const stderr = outputOf(process.stderr, 'standard error', env, () => undefined);
  const stdout = outputOf(process.stdout, 'standard output', env, (why) =>
    stderr.lines([`warning: standard output cannot be written (${why}); what would be said there is dropped`]),
  );
  return {
    stdout,
    stderr,
    env,
    now: () => new Date(),
    signals: process,
    ask: process.stdin.isTTY && process.stderr.isTTY ? askTerminal : null,
    exitNow: (code) => process.exit(code),
  };
}
