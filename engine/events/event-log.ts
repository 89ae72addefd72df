// EventLog: appends run events to events.jsonl, one JSON object per line; quick steps are gathered, and written
// together once a second, before any other event, and before a checkpoint. It does not interpret them. While the disk
// is full it keeps them in memory: training goes on, and they are written when there is room.
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { DataError, messageOf } from '../core/errors.js';
import { mendEvents } from './event-repair.js';
import type { RunEvent, RunEventBody } from './events.js';
import type { LossDigestState } from './loss-digest.js';
import { kindOf, MAX_STEPS_PER_LINE, packSteps, type StepEvent } from './step-columns.js';

/** Events that may be kept while the disk is full: hours of steps. */
const MAX_HELD_BYTES = 16 * 2 ** 20;
/** A step is written at most so much later. */
const GATHER_MS = 1000;
/** Characters of a line from which on its texts are cut, and to how many. */
const LONG_LINE = 2 ** 19;
const LONG_TEXT = 2 ** 13;

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
  /** Steps done by the events that the file had when it was opened. */
  readonly #stepsBefore: number;
  /** The events that now stand in the file where something was set aside. */
  readonly mended: readonly RunEvent[];
  /** Steps that are not written yet, all of one kind, each following on the one before. */
  #steps: StepEvent[] = [];
  #kind: string | null = null;
  #writtenAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;
  /** What kept the timer from writing. */
  #failure: unknown = null;

  /**
   * Opens (or creates) the file. `now` gives milliseconds of a monotonic clock; event times are seconds since this
   * call, or since the run began where the file has events already: the times of a run that goes on do not go back.
   * What in it is no event is set aside (event-repair.ts).
   */
  constructor(path: string, now: () => number = () => performance.now()) {
    this.#path = path;
    this.#now = now;
    const { time, steps, mended } = this.#guard(() => mendEvents(path));
    this.#stepsBefore = steps;
    this.mended = mended;
    this.#start = now() - time * 1000;
    const file = this.#guard(() => openSync(path, 'a'));
    this.#file = file;
    this.#bytes = this.#guard(() => fstatSync(file).size);
  }

  /** Why events are kept in memory and not in the file, or null: the disk is full. */
  get heldBecause(): string | null {
    return this.#heldBecause instanceof Error ? this.#heldBecause.message : null;
  }

  /** What an event would be stamped with now. Microseconds are what the clock can tell. */
  get time(): number {
    return Math.max(0, Math.round((this.#now() - this.#start) * 1000) / 1e6);
  }

  /**
   * Stamps and writes one event, and returns it stamped. A killed process loses nothing that was appended, but what is
   * held, and steps of the last second. Throws a DataError (PT_EVENT_LOG) where the file cannot be written, for a full
   * disk only when too much is held.
   */
  append(body: RunEventBody): RunEvent {
    const event: RunEvent = { time: this.time, ...body };
    // A late event of a worker that is still closing must not turn a finished run into a failed one.
    if (this.#file === null) return event;
    this.#guard(() => {
      if (this.#failure !== null) throw this.#failure as Error;
      if (event.type === 'step') return this.#gather(event);
      this.#writeSteps();
      this.#writeLine(lineOf(event));
    });
    return event;
  }

  /**
   * The run goes on from a checkpoint after so many steps, whose losses have this digest. Where the file has lost the
   * events of some of them, an event says which; it is returned.
   */
  goOnAfter(steps: number, digest: LossDigestState): RunEvent | null {
    if (steps <= this.#stepsBefore) return null;
    return this.append({ type: 'events.lost', fromStep: this.#stepsBefore, toStep: steps, digest });
  }

  /** Puts all that was appended on the disk, but what is held because it is full. */
  sync(): void {
    const file = this.#file;
    if (file === null) return;
    this.#guard(() => {
      this.#writeSteps();
      fsyncSync(file);
    });
  }

  /** Flushes to the disk and closes. Events appended later are stamped but not written. */
  close(): void {
    const file = this.#file;
    if (file === null) return;
    this.#guard(() => {
      try {
        this.#writeSteps();
        this.#write(Buffer.alloc(0));
        if (this.#heldBecause !== null) throw this.#heldBecause as Error;
        fsyncSync(file);
      } finally {
        this.#file = null;
        closeSync(file);
      }
    });
  }

  /** Keeps a step for a line of many, unless the last one is long ago. */
  #gather(event: StepEvent): void {
    const kind = kindOf(event);
    const last = this.#steps.at(-1);
    if (last !== undefined && (kind !== this.#kind || event.step !== last.step + 1)) this.#writeSteps();
    this.#steps.push(event);
    this.#kind = kind;
    const wait = this.#writtenAt + GATHER_MS - performance.now();
    if (wait <= 0 || kind === null || this.#steps.length === MAX_STEPS_PER_LINE) return this.#writeSteps();
    this.#timer ??= setTimeout(() => this.#writeLate(), wait).unref();
  }

  #writeLate(): void {
    try {
      this.#writeSteps();
    } catch (error) {
      // There is nobody to tell here: the next event tells it.
      this.#failure = error;
    }
  }

  #writeSteps(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const steps = this.#steps;
    const [first] = steps;
    if (first === undefined) return;
    this.#steps = [];
    this.#writtenAt = performance.now();
    this.#writeLine(JSON.stringify(steps.length === 1 ? first : packSteps(steps)));
  }

  #writeLine(line: string): void {
    this.#write(Buffer.from(`${line}\n`));
  }

  /** Writes what is held and these lines, whole or not at all: half a line would spoil the one after it. */
  #write(lines: Buffer): void {
    const file = this.#file as number;
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

/** What is written of an event: texts that would make a line that no reader takes are cut. */
function lineOf(event: RunEvent): string {
  const line = JSON.stringify(event);
  if (line.length <= LONG_LINE) return line;
  return JSON.stringify(event, (_, value: unknown) =>
    typeof value === 'string' && value.length > LONG_TEXT ? `${value.slice(0, LONG_TEXT)}…` : value,
  );
}
