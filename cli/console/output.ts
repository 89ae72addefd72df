// Output: where a command writes to, and the only place that makes control sequences for a terminal. Every text goes
// through it and is made harmless on the way: whoever writes cannot forget it, and needs to know nothing of it.
import { harmless, harmlessLine } from '../../engine/core/harmless-text.js';

/** How a line is coloured where colours are welcome. */
export type Tone = 'plain' | 'bold' | 'good' | 'bad' | 'dim';

export interface Output {
  /** What people call it. */
  readonly name: string;
  /** Writes text as it is, line breaks included, apart from what a terminal would obey. */
  write(text: string): void;
  /** Writes lines; a line break inside one does not begin another. */
  lines(texts: readonly string[], tone?: Tone): void;
  /** Draws one line over the one that was drawn so before, without a line break. */
  redraw(text: string): void;
  /** Wipes the line that `redraw` has left. */
  wipe(): void;
  /** Why text was dropped, and everything after it, or null; a reader that went away is no loss. */
  readonly lostBecause: () => string | null;
  /** A terminal that can redraw a line. */
  readonly isTerminal: boolean;
  /** Whether colours are welcome. */
  readonly hasColour: boolean;
  /** Characters per line, asked anew at every line. */
  readonly columns: () => number;
}

const COLOURS: Readonly<Record<Tone, string>> = {
  plain: '',
  bold: '\u001b[1m',
  good: '\u001b[32m',
  bad: '\u001b[33m',
  dim: '\u001b[2m',
};
const OFF = '\u001b[0m';

/** An output whose bytes go to `sink`, which never throws. */
export function outputTo(
  sink: (text: string) => void,
  facts: Omit<Output, 'write' | 'lines' | 'redraw' | 'wipe'>,
): Output {
  /** Length of the line that stands on the terminal now. */
  let standing = 0;
  const paint = (line: string, tone: Tone): string =>
    facts.hasColour && COLOURS[tone] !== '' ? `${COLOURS[tone]}${line}${OFF}` : line;
  return {
    ...facts,
    write: (text) => sink(harmless(text)),
    lines: (texts, tone = 'plain') => {
      for (const text of texts) sink(`${paint(harmlessLine(text), tone)}\n`);
    },
    redraw: (text) => {
      const line = harmlessLine(text);
      // Overwriting with blanks needs no control sequence but the carriage return.
      sink(`\r${line.padEnd(standing)}`);
      standing = line.length;
    },
    wipe: () => {
      if (standing > 0) sink(`\r${' '.repeat(standing)}\r`);
      standing = 0;
    },
  };
}
