// ConsoleView: a run on the console. On a terminal one status line is redrawn below what was told; elsewhere a line
// every two seconds. It draws events; it decides nothing and keeps no time of its own but that of the events.
import { harmlessJson } from '../../engine/core/harmless-text.js';
import type { RunEvent } from '../../engine/events/events.js';
import type { Summary } from '../../engine/events/summary.js';
import { type PlanMade, type Story, tell } from '../text/decisions.js';
import { clip, quote, wrap } from '../text/format.js';
import { breakdownLines, resultRows, table } from '../text/results.js';
import type { Output } from './output.js';
import { advance, type Progress, startOfProgress } from './progress.js';
import { statusLine } from './status-line.js';

/** How a run is shown while it goes on, and at its end. */
export interface EventView {
  show(event: RunEvent): void;
  end(summary: Summary, paths: { readonly run: string; readonly report: string }): void;
}

/** Seconds between two status lines. */
const LIVE_INTERVAL = 0.1;
const PLAIN_INTERVAL = 2;

export class ConsoleView implements EventView {
  readonly #output: Output;
  #progress: Progress = startOfProgress;
  #plan: PlanMade | null = null;
  #drawnAt = -Infinity;
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
    this.#output.wipe();
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
    if (isTerminal) this.#output.redraw(line);
    else this.#lines([line]);
  }

  #print({ tone, headline, details, grid }: Story): void {
    this.#output.wipe();
    const columns = this.#columns;
    const toneOfLine = tone === 'good' || tone === 'bad' ? tone : 'plain';
    this.#output.lines(wrap(headline, columns, 2), toneOfLine);
    for (const detail of details) this.#output.lines(wrap(`  ${detail}`, columns, 4), 'dim');
    this.#lines(grid.map((line) => clip(`  ${line}`, columns)));
    // What stood on the line before is gone; the next step draws it again at once.
    if (this.#output.isTerminal) this.#drawnAt = -Infinity;
  }

  #heading(text: string): void {
    this.#lines(['']);
    this.#output.lines([text], 'bold');
  }

  #lines(lines: readonly string[]): void {
    this.#output.lines(lines);
  }
}

/** Events as JSON lines, for other programs. */
export class JsonView implements EventView {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: RunEvent): void {
    this.#output.lines([harmlessJson(event)]);
  }

  end(): void {
    // The last event has said it all.
  }
}
