// ConsoleView: a run on the console. On a terminal one status line is redrawn below what was told; elsewhere a line
// every two seconds. It draws events; it decides nothing and keeps no time of its own but that of the events.
import type { RunEvent } from '../../engine/events/events.js';
import type { Summary } from '../../engine/events/summary.js';
import { type PlanMade, type Story, tell } from '../text/decisions.js';
import { clip, quote, wrap } from '../text/format.js';
import { breakdownLines, resultRows, table } from '../text/results.js';
import type { Output } from './io.js';
import { advance, type Progress, startOfProgress } from './progress.js';
import { statusLine } from './status-line.js';

/** How a run is shown while it goes on, and at its end. */
export interface RunView {
  show(event: RunEvent): void;
  end(summary: Summary, paths: { readonly run: string; readonly report: string }): void;
}

/** Seconds between two status lines. */
const LIVE_INTERVAL = 0.1;
const PLAIN_INTERVAL = 2;

const BOLD = '\u001b[1m';
const GREEN = '\u001b[32m';
const YELLOW = '\u001b[33m';
const DIM = '\u001b[2m';
const OFF = '\u001b[0m';

export class ConsoleView implements RunView {
  readonly #output: Output;
  #progress: Progress = startOfProgress;
  #plan: PlanMade | null = null;
  #drawnAt = -Infinity;
  /** Length of the status line that stands on the terminal now. */
  #standing = 0;
  #breakdown: Extract<RunEvent, { type: 'breakdown' }> | null = null;
  readonly #samples: Extract<RunEvent, { type: 'sample' }>[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: RunEvent): void {
    this.#progress = advance(this.#progress, event);
    if (event.type === 'step') this.#drawStatus(event.time);
    else if (event.type === 'breakdown') this.#breakdown = event;
    else if (event.type === 'sample') this.#samples.push(event);
    else {
      const story = tell(event, this.#plan);
      if (story !== null) this.#print(story);
    }
    if (event.type === 'plan.made') this.#plan = event;
  }

  end(summary: Summary, paths: { readonly run: string; readonly report: string }): void {
    const columns = this.#columns;
    // The last steps belong on the screen even where the interval has not passed.
    if (!this.#output.isTerminal) this.#drawStatus(Infinity);
    this.#clearStatus();
    this.#heading('results');
    this.#lines(table(resultRows(summary), columns));
    if (this.#breakdown !== null) {
      this.#heading('breakdown');
      this.#lines(breakdownLines(this.#breakdown, columns));
      if (this.#breakdown.note !== '') this.#lines(wrap(`  ${this.#breakdown.note}`, columns, 2));
    }
    for (const sample of this.#samples) {
      this.#heading('sample');
      this.#lines(quote(`${sample.prompt}${sample.text}`, columns - 4).map((line) => `  | ${line}`));
    }
    this.#lines(['', `run     ${paths.run}`, `report  ${paths.report}`]);
  }

  /** One less than the terminal has: a full line would wrap on some. */
  get #columns(): number {
    return Math.max(20, this.#output.columns() - 1);
  }

  #drawStatus(time: number): void {
    const { isTerminal } = this.#output;
    if (time - this.#drawnAt < (isTerminal ? LIVE_INTERVAL : PLAIN_INTERVAL)) return;
    const line = statusLine(this.#progress, this.#columns);
    if (line === '') return;
    this.#drawnAt = time;
    if (!isTerminal) {
      this.#output.write(`${line}\n`);
      return;
    }
    // Overwriting with blanks needs no control sequence but the carriage return.
    this.#output.write(`\r${line.padEnd(this.#standing)}`);
    this.#standing = line.length;
  }

  #clearStatus(): void {
    if (this.#standing > 0) this.#output.write(`\r${' '.repeat(this.#standing)}\r`);
    this.#standing = 0;
  }

  #print({ tone, headline, details, grid }: Story): void {
    this.#clearStatus();
    const columns = this.#columns;
    const colour = tone === 'good' ? GREEN : tone === 'bad' ? YELLOW : '';
    this.#lines(wrap(headline, columns, 2).map((line) => this.#paint(line, colour)));
    for (const detail of details) this.#lines(wrap(`  ${detail}`, columns, 4).map((line) => this.#paint(line, DIM)));
    this.#lines(grid.map((line) => clip(`  ${line}`, columns)));
    // What stood on the line before is gone; the next step draws it again at once.
    if (this.#output.isTerminal) this.#drawnAt = -Infinity;
  }

  #heading(text: string): void {
    this.#lines(['', this.#paint(text, BOLD)]);
  }

  #paint(text: string, colour: string): string {
    return this.#output.hasColour && colour !== '' ? `${colour}${text}${OFF}` : text;
  }

  #lines(lines: readonly string[]): void {
    for (const line of lines) this.#output.write(`${line}\n`);
  }
}

/** Events as JSON lines, for other programs. */
export class JsonView implements RunView {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: RunEvent): void {
    this.#output.write(`${JSON.stringify(event)}\n`);
  }

  end(): void {
    // The last event has said it all.
  }
}
