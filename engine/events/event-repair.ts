// EventRepair: makes a file of events whole before a run goes on in it. What is no event (a write that was cut, a disk
// that lost power) is put into a file beside it, and an event in its place says so: nothing is lost, and nothing stands
// in the way.
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { EventFile } from './event-file.js';
import type { RunEvent } from './events.js';
import { sizeOf } from './line-reader.js';

const PIECE_BYTES = 2 ** 20;

/** Where a recording stands at its end. */
export interface RecordingEnd {
  /** Of its last event, seconds since the run began. */
  readonly time: number;
  /** Steps done, by its events. */
  readonly steps: number;
  /** The events that now stand where something was set aside. */
  readonly mended: readonly RunEvent[];
}

interface Damage {
  readonly offset: number;
  bytes: number;
  /** Of the event before it. */
  readonly time: number;
}

/** Makes the file whole where there is one; throws what the file system throws, and then it is as it was. */
export function mendEvents(path: string): RecordingEnd {
  if (!existsSync(path)) return { time: 0, steps: 0, mended: [] };
  const { damages, isOpen, time, steps } = survey(path);
  if (isOpen) appendFileSync(path, '\n');
  if (damages.length > 0) setAside(path, damages);
  return { time, steps, mended: damages.map((damage) => noteOf(path, damage)) };
}

interface Survey extends Omit<RecordingEnd, 'mended'> {
  readonly damages: readonly Damage[];
  /** Whether the last line has no end. */
  readonly isOpen: boolean;
}

function survey(path: string): Survey {
  const damages: Damage[] = [];
  let [time, steps, isOpen] = [0, 0, false];
  for (const { offset, bytes, events, isWhole } of new EventFile(path).entries()) {
    const last = damages.at(-1);
    if (events !== null) {
      for (const event of events) [time, steps] = [event.time, stepsAfter(event, steps)];
      isOpen = !isWhole;
    } else if (last !== undefined && last.offset + last.bytes === offset) last.bytes += bytes;
    else damages.push({ offset, bytes, time });
  }
  return { time, steps, damages, isOpen };
}

/** Steps done after an event, of those before it. */
function stepsAfter(event: RunEvent, before: number): number {
  switch (event.type) {
    case 'step':
      return event.step + 1;
    case 'resumed':
      return event.step;
    case 'recovered':
      return event.fromStep;
    case 'freeze.rolledBack':
    case 'events.lost':
      return event.toStep;
    default:
      return before;
  }
}

const asideOf = (path: string): string => `${path}.damaged`;

const noteOf = (path: string, { bytes, time }: Damage): RunEvent => ({
  time,
  type: 'events.damaged',
  bytes,
  file: basename(asideOf(path)),
});

/** Only when the damaged bytes are safe in their own file are they taken out of this one. */
function setAside(path: string, damages: readonly Damage[]): void {
  writeParts(asideOf(path), 'a', path, damages);
  const [first] = damages as readonly [Damage];
  const note = (damage: Damage): string => `${JSON.stringify(noteOf(path, damage))}\n`;
  const size = sizeOf(path);
  if (damages.length === 1 && first.offset + first.bytes === size) {
    truncateSync(path, first.offset);
    appendFileSync(path, note(first));
    return;
  }
  const parts = damages.flatMap((damage, i) => {
    const begin = damage.offset + damage.bytes;
    return [note(damage), { offset: begin, bytes: (damages[i + 1]?.offset ?? size) - begin }];
  });
  try {
    writeParts(`${path}.tmp`, 'w', path, [{ offset: 0, bytes: first.offset }, ...parts]);
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    rmSync(`${path}.tmp`, { force: true });
    throw error;
  }
}

/** Writes texts and parts of another file, and syncs. */
function writeParts(
  path: string,
  flags: 'a' | 'w',
  from: string,
  parts: readonly (string | { readonly offset: number; readonly bytes: number })[],
): void {
  const [source, target] = [openSync(from, 'r'), openSync(path, flags)];
  try {
    for (const part of parts)
      if (typeof part === 'string') writeWhole(target, Buffer.from(part));
      else copyPart(source, target, part.offset, part.bytes);
    fsyncSync(target);
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

function copyPart(source: number, target: number, offset: number, bytes: number): void {
  const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes));
  for (let done = 0; done < bytes;) {
    const length = readSync(source, piece, 0, Math.min(piece.length, bytes - done), offset + done);
    if (length === 0) throw new Error('the file of events became shorter while it was read');
    writeWhole(target, piece.subarray(0, length));
    done += length;
  }
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}
