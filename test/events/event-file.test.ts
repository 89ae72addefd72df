// EventFile and what mends it: events are read line by line and checked, what is no event stands in nobody's way, and
// is kept.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { EventFile } from '../../engine/events/event-file.js';
import { EventLog } from '../../engine/events/event-log.js';
import type { RunEvent, RunEventBody } from '../../engine/events/events.js';
import { effectiveSteps } from '../../engine/events/steps-that-count.js';
import { errorOf } from '../error-of.js';
import { scratch } from '../scratch.js';

const warning = (message: string): RunEventBody => ({ type: 'warning', message });
const messages = (events: Iterable<RunEvent>): string[] =>
  [...events].map((event) => (event.type === 'warning' ? event.message : event.type));

let path: string;
beforeEach(() => {
  path = join(scratch(), 'events.jsonl');
});

/** A file of two warnings with something behind the first or the second. */
function fileWith(rubbish: string | Buffer, where: 'middle' | 'end'): void {
  const log = new EventLog(path);
  log.append(warning('a'));
  log.close();
  if (where === 'middle') appendFileSync(path, rubbish);
  appendFileSync(path, '{"time":1,"type":"warning","message":"b"}\n');
  if (where === 'end') appendFileSync(path, rubbish);
}

const RUBBISH: Readonly<Record<string, string | Buffer>> = {
  'half a line': '{"time":1,"type":"warn',
  'zeros, as after a power cut': Buffer.alloc(5000),
  'half a letter': Buffer.from('{"time":1,"type":"warning","message":"ä"}').subarray(0, 38),
  'lines of another file': Buffer.from([0xff, 0x00, 0x0a, 0x80, 0x0a, 0x7b, 0x0a]),
  'half a line of steps': '{"time":1,"type":"steps","step":0,"count":500,"generation":0,"frozen":0,"K":1,',
};

describe('what is no event at the end of a file', () => {
  it.each(Object.keys(RUBBISH))('is left out by those who read, and kept aside by a run that goes on: %s', (name) => {
    const rubbish = RUBBISH[name] as string | Buffer;
    fileWith(rubbish, 'end');
    expect(messages(new EventFile(path))).toEqual(['a', 'b']);
    const log = new EventLog(path);
    expect(log.mended).toMatchObject([{ type: 'events.damaged', bytes: rubbish.length, file: 'events.jsonl.damaged' }]);
    log.append(warning('c'));
    log.close();
    expect(messages(new EventFile(path))).toEqual(['a', 'b', 'events.damaged', 'c']);
    expect(readFileSync(`${path}.damaged`)).toEqual(Buffer.from(rubbish));
    expect(new EventLog(path).mended).toEqual([]);
  });

  it('is not said of a last event that only lacks its line break', () => {
    fileWith('{"time":2,"type":"warning","message":"c"}', 'end');
    const log = new EventLog(path);
    log.append(warning('d'));
    log.close();
    expect(messages(new EventFile(path))).toEqual(['a', 'b', 'c', 'd']);
    expect(existsSync(`${path}.damaged`)).toBe(false);
  });
});

describe('what is no event in the middle of a file', () => {
  it('is told by the number of its line, and set aside by a run that goes on', () => {
    const rubbish = Buffer.concat([Buffer.from('\u0000\u0001\n'), Buffer.from('{"time":true}\n')]);
    fileWith(rubbish, 'middle');
    appendFileSync(path, 'torn');
    expect(errorOf(() => [...new EventFile(path)])).toMatchObject({
      code: 'PT_EVENTS_BROKEN',
      message: expect.stringContaining('line 2 in') as string,
    });
    const log = new EventLog(path);
    log.append(warning('c'));
    log.close();
    expect(messages(new EventFile(path))).toEqual(['a', 'events.damaged', 'b', 'events.damaged', 'c']);
    expect(readFileSync(`${path}.damaged`)).toEqual(Buffer.concat([rubbish, Buffer.from('torn')]));
  });

  it.each([
    ['a text for a number', '{"time":1,"type":"transition","step":"<b>x</b>","generation":1}'],
    ['a text for the time', '{"time":"<script>","type":"warning","message":"x"}'],
    ['a number for a text', '{"time":1,"type":"warning","message":5}'],
    ['a text without end', `{"time":1,"type":"warning","message":"${'x'.repeat(2 ** 20 + 1)}"}`],
    ['an event that nobody knows', '{"time":1,"type":"surprise"}'],
    ['a line longer than any', `{"time":1,"type":"warning","message":"${'x'.repeat(17 * 2 ** 20)}"}`],
    ['a list', '[1,2]'],
    ['steps without columns', '{"time":1,"type":"steps","step":0,"count":4096}'],
  ])('is also a line that does not fit the schema: %s', (_, line) => {
    fileWith(`${line}\n`, 'middle');
    expect(errorOf(() => [...new EventFile(path)])).toMatchObject({ code: 'PT_EVENTS_BROKEN' });
  });
});

describe('a log', () => {
  const step = (number: number, more: Partial<Extract<RunEvent, { type: 'step' }>> = {}): RunEventBody => ({
    type: 'step',
    step: number,
    epoch: 0,
    loss: Math.fround(1 / (number + 1)),
    lr: 0.001,
    gradNorm: 1,
    samples: 8,
    seconds: 0.002,
    generation: 0,
    frozen: 0,
    K: 1,
    R: 1,
    cacheHits: 0,
    cacheMisses: 0,
    bubbleShare: 0,
    commShare: 0,
    shares: [{ from: 8 * number, to: 8 * number + 8, digest: '0123456789abcdef' }],
    ...more,
  });

  it('gives back quick steps one by one and in their place, and takes little room for them', () => {
    const log = new EventLog(path);
    const appended: RunEvent[] = [];
    const add = (body: RunEventBody): void => void appended.push(log.append(body));
    for (let i = 0; i < 3000; i++) add(step(i));
    add(warning('in between'));
    for (let i = 3000; i < 9000; i++) add(step(i));
    // Done again, and of another plan: each for itself.
    add({ type: 'recovered', step: 9000, fromStep: 8990, lost: [], workers: 1, seconds: 1 });
    for (let i = 8990; i < 9010; i++) add(step(i, { generation: 1, ...(i < 9000 ? { replay: true } : {}) }));
    log.close();
    expect([...new EventFile(path)]).toEqual(appended);
    expect(readFileSync(path).length / 9000).toBeLessThan(60);
    expect([...effectiveSteps(new EventFile(path))].map((event) => event.step)).toEqual(
      Array.from({ length: 9010 }, (_, i) => i),
    );
  });

  it('has steps in its file when another event is there, or when it was told to put them on the disk', () => {
    const log = new EventLog(path);
    const written = (): number => [...new EventFile(path)].length;
    log.append(step(0));
    // Nothing was written for long: a step that may be slow is written at once.
    expect(written()).toBe(1);
    for (const i of [1, 2, 3]) log.append(step(i));
    log.sync();
    expect(written()).toBe(4);
    log.append(step(4));
    log.append(warning('x'));
    expect(written()).toBe(6);
    log.append(step(5));
    log.close();
    expect(written()).toBe(7);
  });

  it('cuts texts that would make a line that nobody reads', () => {
    const log = new EventLog(path);
    log.append(warning('x'.repeat(20 * 2 ** 20)));
    log.close();
    expect(messages(new EventFile(path))[0]?.length).toBeLessThan(10_000);
  });
});

it('a file that is no file of events is told, not opened', () => {
  expect(errorOf(() => new EventFile(scratch()))).toMatchObject({ code: 'PT_EVENTS_BROKEN' });
  writeFileSync(path, '');
  expect([...new EventFile(path)]).toEqual([]);
});
