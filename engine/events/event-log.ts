// EventLog: appends run events to events.jsonl, one JSON object per line, and reads them back. It does not interpret
// them. While the disk is full it keeps them in memory: training goes on, and they are written when there is room.
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { DataError, messageOf } from '../core/errors.js';
import type { RunEvent, RunEventBody } from './events.js';

/** Events that may be kept while the disk is full: hours of steps. */
const MAX_HELD_BYTES = 16 * 2 ** 20;

export class EventLog {
  readonly #path: string;
  readonly #now: () => number;
  readonly #start: number;
  #file: number | null;
  /** Length of the file up to its last whole line. */
  #bytes: number;
  /** Lines for which there was no room yet, oldest first. */
  #held: Buffer = Buffer.alloc(0);
  #heldBecause: unknown = null;

  /**
   * Opens (or creates) the file. `now` gives milliseconds of a monotonic clock; event times are seconds since this
   * call, or since the run began where the file has events already: the times of a run that goes on do not go back. A
   * half-written last line is cut off.
   */
  constructor(path: string, now: () => number = () => performance.now()) {
    this.#path = path;
    this.#now = now;
    const before = this.#guard(() => cutTornLine(path));
    this.#start = now() - before * 1000;
    const file = this.#guard(() => openSync(path, 'a'));
    this.#file = file;
    this.#bytes = this.#guard(() => fstatSync(file).size);
  }

  /** Why events are kept in memory and not in the file, or null: the disk is full. */
  get heldBecause(): string | null {
    return this.#heldBecause instanceof Error ? this.#heldBecause.message : null;
  }

  /**
   * Stamps and writes one event, and returns it stamped. Written at once: a killed process loses nothing that was
   * appended, but what is held. Throws a DataError (PT_EVENT_LOG) where the file cannot be written, for a full disk
   * only when too much is held.
   */
  append(body: RunEventBody): RunEvent {
    // Microseconds are what the clock can tell; more digits would only make the file longer.
    const time = Math.max(0, Math.round((this.#now() - this.#start) * 1000) / 1e6);
    const event: RunEvent = { time, ...body };
    const file = this.#file;
    // A late event of a worker that is still closing must not turn a finished run into a failed one.
    if (file !== null) this.#guard(() => this.#write(file, Buffer.from(`${JSON.stringify(event)}\n`)));
    return event;
  }

  /** Flushes to the disk and closes. Events appended later are stamped but not written. */
  close(): void {
    const file = this.#file;
    if (file === null) return;
    this.#file = null;
    this.#guard(() => {
      try {
        this.#write(file, Buffer.alloc(0));
        if (this.#heldBecause !== null) throw this.#heldBecause as Error;
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
  }

  /** Writes what is held and these lines, whole or not at all: half a line would spoil the one after it. */
  #write(file: number, lines: Buffer): void {
    const bytes = this.#held.length === 0 ? lines : Buffer.concat([this.#held, lines]);
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
      this.#bytes += bytes.length;
      this.#held = Buffer.alloc(0);
      this.#heldBecause = null;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : '';
      if ((code !== 'ENOSPC' && code !== 'EDQUOT') || bytes.length > MAX_HELD_BYTES) throw error;
      ftruncateSync(file, this.#bytes);
      this.#held = bytes;
      this.#heldBecause = error;
    }
  }

  #guard<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw new DataError(
        'PT_EVENT_LOG',
        `events cannot be written to ${this.#path}: ${messageOf(error)}`,
        'Check free space and permissions of the run folder.',
        { cause: error },
      );
    }
  }
}

/**
 * All events of a file, in order. A half-written last line (a process that was killed) is left out; a broken line
 * before it is a DataError (PT_EVENTS_BROKEN).
 */
export function readEvents(path: string): RunEvent[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new DataError('PT_EVENTS_BROKEN', `events cannot be read from ${path}`, 'Name the folder of a run.', {
      cause: error,
    });
  }
  const lines = text.split('\n');
  const events: RunEvent[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const event = parseLine(line);
    if (event !== null) events.push(event);
    else if (index < lines.length - 1)
      throw new DataError(
        'PT_EVENTS_BROKEN',
        `line ${index + 1} of ${lines.length} in ${path} is not an event: ${line.slice(0, 60)}`,
        'The file was changed by hand or by a failing disk; delete the line to read the rest.',
      );
  }
  return events;
}

function parseLine(line: string): RunEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent =
      typeof value === 'object' &&
      value !== null &&
      'type' in value &&
      typeof value.type === 'string' &&
      'time' in value &&
      typeof value.time === 'number';
    return isEvent ? (value as RunEvent) : null;
  } catch {
    return null;
  }
}

/** Removes what stands behind the last line break of a file; returns the time of the last whole event, or 0. */
function cutTornLine(path: string): number {
  if (!existsSync(path)) return 0;
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  return readEvents(path).at(-1)?.time ?? 0;
}
