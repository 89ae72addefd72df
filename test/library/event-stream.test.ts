// Events for readers at their own pace.
import { expect, test } from 'vitest';
import type { RunEvent } from '../../engine/events/events.js';
import { EventStream } from '../../engine/library/event-stream.js';

const warning = (i: number): RunEvent => ({ time: i, type: 'warning', message: String(i) });

async function timesIn(stream: AsyncIterable<RunEvent>): Promise<number[]> {
  const times: number[] = [];
  for await (const { time } of stream) times.push(time);
  return times;
}

test('every reader sees all, whenever it begins, and ends with the run', async () => {
  const stream = new EventStream();
  stream.push(warning(0));
  const early = timesIn(stream);
  stream.push(warning(1));
  await Promise.resolve();
  stream.push(warning(2));
  stream.close();
  expect(await early).toEqual([0, 1, 2]);
  expect(await timesIn(stream)).toEqual([0, 1, 2]);
});

test('a reader that falls behind goes on with the oldest event that is kept, and may leave', async () => {
  const stream = new EventStream(4);
  const slow = stream[Symbol.asyncIterator]();
  stream.push(warning(0));
  expect((await slow.next()).value).toMatchObject({ time: 0 });
  for (let i = 1; i < 100; i++) stream.push(warning(i));
  const { value } = await slow.next();
  expect(value?.time).toBeGreaterThan(99 - 2 * 4);
  await slow.return();
  stream.close();
  const rest = await timesIn(stream);
  expect(rest.at(-1)).toBe(99);
  expect(rest.length).toBeGreaterThanOrEqual(4);
  expect(rest.length).toBeLessThan(8);
});

test('readers of a run that failed get its error, after its last event', async () => {
  const stream = new EventStream();
  const error = new Error('lost');
  stream.push(warning(0));
  stream.close(error);
  const reader = stream[Symbol.asyncIterator]();
  expect((await reader.next()).value).toMatchObject({ time: 0 });
  await expect(reader.next()).rejects.toBe(error);
});
