// EventFile: the events of a run as its file holds them, to be gone through any number of times and never held all at
// once. Every line is checked against its schema: a run folder may come from elsewhere. It writes nothing.
import { isUtf8 } from 'node:buffer';
import { DataError } from '../core/errors.js';
import { type RunEvent, runEventSchema } from './events.js';
import { type Line, readLines, sizeOf } from './line-reader.js';
import { stepColumnsSchema, unpackSteps } from './step-columns.js';
import type { Events, StepRun } from './steps-that-count.js';

/** No line that is written is as long. */
const MAX_LINE_BYTES = 16 * 2 ** 20;
/** What a line begins with, as it is written. */
const HEAD = /^\{"time":[^,"]+,"type":"([a-zA-Z.]+)"(?:,"step":(\d+)(?:,"count":(\d+))?)?[,}]/;
const HEAD_BYTES = 160;

/** A line of the file, and what it tells: mostly one event, none where it is empty; null where it is broken. */
export interface Entry extends Line {
  readonly events: readonly RunEvent[] | null;
}

export class EventFile implements Events {
  readonly path: string;
  readonly #size: number;

  /** The events that the file has now. Throws a DataError (PT_EVENTS_BROKEN) where it cannot be read. */
  constructor(path: string) {
    this.path = path;
    this.#size = this.#guard(() => sizeOf(path));
  }

  /**
   * In order. What stands behind the last whole event (a write that was cut, a disk that lost power) is left out; a
   * broken line before it is a DataError (PT_EVENTS_BROKEN).
   */
  *[Symbol.iterator](): Generator<RunEvent> {
    let broken: DataError | null = null;
    for (const entry of this.entries())
      if (entry.events === null) broken ??= this.#brokenLine(entry);
      else if (entry.events.length > 0 && broken !== null) throw broken;
      else yield* entry.events;
  }

  /** As `Events`: most lines need not be taken apart for it. */
  *stepRuns(): Generator<StepRun> {
    for (const line of this.#lines())
      yield* (
        stepRunOf(line) ??
        (eventsIn(line) ?? []).flatMap((event) => (event.type === 'step' ? [{ first: event.step, count: 1 }] : []))
      );
  }

  /** All lines, broken ones too. */
  *entries(): Generator<Entry> {
    for (const line of this.#lines()) yield { ...line, events: eventsIn(line) };
  }

  *#lines(): Generator<Line> {
    const lines = readLines(this.path, this.#size, MAX_LINE_BYTES);
    try {
      for (;;) {
        const next = this.#guard(() => lines.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      lines.return(undefined);
    }
  }

  #brokenLine({ number, content }: Line): DataError {
    const shown = content === null ? `longer than ${MAX_LINE_BYTES} bytes` : printable(content);
    return new DataError(
      'PT_EVENTS_BROKEN',
      `line ${number} in ${this.path} is not an event: ${shown}`,
      'The file was changed by hand or by a failing disk. `pipetrain resume` sets such lines aside and goes on; to ' +
        'read the rest of a run that is over, delete the line.',
    );
  }

  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      throw new DataError('PT_EVENTS_BROKEN', `events cannot be read from ${this.path}`, 'Name the folder of a run.', {
        cause,
      });
    }
  }
}

/** As `Entry.events`. */
function eventsIn({ content }: Line): RunEvent[] | null {
  if (content === null || !isUtf8(content)) return null;
  const text = content.toString('utf8');
  if (text.trim() === '') return [];
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value !== 'object' || value === null) return null;
    const { type, time } = value as { readonly type?: unknown; readonly time?: unknown };
    if (type === 'steps') return [...unpackSteps(stepColumnsSchema.parse(value))];
    const event = runEventSchema.safeParse(value);
    return event.success && typeof time === 'number' && time >= 0 ? [{ time, ...event.data }] : null;
  } catch {
    return null;
  }
}

/** The steps of a line, by how it begins; null where that does not say it. */
function stepRunOf({ content, isWhole }: Line): StepRun[] | null {
  if (content === null || !isWhole) return null;
  const [, type, first, count] = HEAD.exec(content.toString('latin1', 0, HEAD_BYTES)) ?? [];
  if (type === 'step') return first === undefined ? null : [{ first: Number(first), count: 1 }];
  if (type === 'steps') return count === undefined ? null : [{ first: Number(first), count: Number(count) }];
  return type === undefined ? null : [];
}

const printable = (content: Buffer): string => content.toString('latin1', 0, 60).replace(/[^ -~]/g, '?');
