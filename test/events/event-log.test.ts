// EventLog: nothing that was appended is lost, half a line is no event.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EventFile } from '../../engine/events/event-file.js';
import { EventLog } from '../../engine/events/event-log.js';
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
    expect([...new EventFile(path)]).toEqual([first, second]);
  });

  test('has every event on disk before it is closed', () => {
    const path = join(scratch(), 'events.jsonl');
    const log = new EventLog(path);
    log.append({ type: 'warning', message: 'a' });
    expect([...new EventFile(path)]).toHaveLength(1);
    log.close();
    log.close();
    log.append({ type: 'warning', message: 'late' });
    expect([...new EventFile(path)]).toHaveLength(1);
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
      expect([...new EventFile(path)]).toHaveLength(2);
    }
  });

  test('that cannot be opened is told with its path', () => {
    expect(() => new EventLog(join(scratch(), 'no', 'events.jsonl'))).toThrow(
      expect.objectContaining({ code: 'PT_EVENT_LOG' }) as Error,
    );
  });
});
