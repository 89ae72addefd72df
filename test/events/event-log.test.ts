// EventLog: nothing that was appended is lost, half a line is no event.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EventLog, readEvents } from '../../engine/events/event-log.js';
import { scratch } from '../scratch.js';

describe('an event log', () => {
  test('stamps seconds since its start and reads back what was appended', () => {
    const path = join(scratch(), 'events.jsonl');
    let now = 5000;
    const log = new EventLog(path, () => now);
    const first = log.append({ type: 'warning', message: 'line\nbreak' });
    now += 1234.5678;
    const second = log.append({ type: 'worker.lost', worker: 'w0', reason: 'x' });
    log.close();
    expect([first.time, second.time]).toEqual([0, 1.234568]);
    expect(readEvents(path)).toEqual([first, second]);
  });

  test('has every event on disk before it is closed', () => {
    const path = join(scratch(), 'events.jsonl');
    const log = new EventLog(path);
    log.append({ type: 'warning', message: 'a' });
    expect(readEvents(path)).toHaveLength(1);
    log.close();
    log.close();
    log.append({ type: 'warning', message: 'late' });
    expect(readEvents(path)).toHaveLength(1);
  });

  test('is read without the line that was never finished', () => {
    const path = join(scratch(), 'events.jsonl');
    const log = new EventLog(path);
    for (const message of ['a', 'b', 'c']) log.append({ type: 'warning', message });
    log.close();
    const whole = readFileSync(path, 'utf8');
    const lastLine = whole.trimEnd().lastIndexOf('\n') + 1;
    for (let end = lastLine; end < whole.length - 1; end++) {
      writeFileSync(path, whole.slice(0, end));
      expect(readEvents(path)).toHaveLength(2);
    }
  });

  test('with a broken line in its middle is an error that names the line', () => {
    const path = join(scratch(), 'events.jsonl');
    writeFileSync(path, '{"time":0,"type":"warning","message":"a"}\n{"time":\n');
    appendFileSync(path, '{"time":1,"type":"warning","message":"b"}\n');
    expect(() => readEvents(path)).toThrow(
      expect.objectContaining({
        code: 'PT_EVENTS_BROKEN',
        message: expect.stringContaining('line 2 of') as string,
      }) as Error,
    );
  });

  test('that cannot be opened is told with its path', () => {
    expect(() => new EventLog(join(scratch(), 'no', 'events.jsonl'))).toThrow(
      expect.objectContaining({ code: 'PT_EVENT_LOG' }) as Error,
    );
  });

  test('that goes on loses a half-written last line and nothing else', () => {
    const path = join(scratch(), 'events.jsonl');
    const first = new EventLog(path);
    first.append({ type: 'warning', message: 'a' });
    first.close();
    appendFileSync(path, '{"time":1,"type":"warn');
    const second = new EventLog(path);
    second.append({ type: 'warning', message: 'b' });
    second.close();
    expect(readEvents(path).map((event) => event.type === 'warning' && event.message)).toEqual(['a', 'b']);
  });
});
