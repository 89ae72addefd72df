import { describe, expect, it } from 'vitest';
import { Inbox } from '../../engine/comm/inbox.js';

describe('Inbox', () => {
  it('keeps a signal that comes before its waiter', async () => {
    const inbox = new Inbox();
    inbox.deliver('w1', 'F 0');
    await inbox.wait('w1', 'F 0');
  });

  it('counts: two signals serve two waits, a third wait goes on waiting', async () => {
    const inbox = new Inbox();
    inbox.deliver('w1', 'a');
    inbox.deliver('w1', 'a');
    await inbox.wait('w1', 'a');
    await inbox.wait('w1', 'a');
    expect(inbox.tryTake('w1', 'a')).toBe(false);
    let isThere = false;
    const third = inbox.wait('w1', 'a').then(() => (isThere = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isThere).toBe(false);
    inbox.deliver('w1', 'a');
    await third;
  });

  it('wakes waiters of one key in the order in which they came, and no others', async () => {
    const inbox = new Inbox();
    const order: string[] = [];
    const waits = ['first', 'second'].map(async (name) => inbox.wait('w1', 'a').then(() => order.push(name)));
    const other = inbox.wait('w1', 'b').then(() => order.push('other'));
    inbox.deliver('w1', 'a');
    inbox.deliver('w1', 'a');
    await Promise.all(waits);
    expect(order).toEqual(['first', 'second']);
    inbox.deliver('w1', 'b');
    await other;
  });

  it('rejects all waiters and later waits after a failure, with the first cause', async () => {
    const inbox = new Inbox();
    const waiting = inbox.wait('w1', 'a');
    inbox.deliver('w1', 'b');
    inbox.fail(new Error('worker 1 is lost'));
    inbox.fail(new Error('worker 2 is lost'));
    await expect(waiting).rejects.toThrow('worker 1 is lost');
    await expect(inbox.wait('w1', 'b')).rejects.toThrow('worker 1 is lost');
    expect(inbox.tryTake('w1', 'b')).toBe(false);
  });

  it('forgets signals and failure when cleared', async () => {
    const inbox = new Inbox();
    inbox.deliver('w1', 'a');
    inbox.fail(new Error('lost'));
    inbox.clear();
    expect(inbox.tryTake('w1', 'a')).toBe(false);
    inbox.deliver('w1', 'a');
    await inbox.wait('w1', 'a');
    const left = inbox.wait('w1', 'a');
    inbox.clear();
    await expect(left).rejects.toThrow('cleared');
  });

  it('does not take the signal of another sender for the one that is waited for', async () => {
    const inbox = new Inbox();
    inbox.deliver('w2', 'a');
    const waiting = inbox.wait('w1', 'a').then(() => 'rung');
    expect(() => inbox.deliver('w2', 'a')).toThrow('w2 rang "a", which is for w1 to ring');
    expect(inbox.waitsFor).toBe('w1');
    expect(await Promise.race([waiting, new Promise((resolve) => setImmediate(() => resolve('waits')))])).toBe('waits');
    inbox.deliver('w1', 'a');
    expect(await waiting).toBe('rung');
    expect(inbox.waitsFor).toBeNull();
    expect(inbox.tryTake('w2', 'a')).toBe(true);
  });

  it('keeps so many signals of each sender and no more, and forgets those that are told to be old', () => {
    const inbox = new Inbox({ maxKept: 3 });
    for (const key of ['old 1', 'old 2', 'new']) inbox.deliver('w1', key);
    inbox.deliver('w2', 'old 1');
    expect(() => inbox.deliver('w1', 'x')).toThrow('w1 rang 3 doorbells that nobody waits for');
    inbox.forget((key) => key.startsWith('old'));
    inbox.deliver('w1', 'x');
    expect([inbox.tryTake('w1', 'new'), inbox.tryTake('w1', 'old 1'), inbox.tryTake('w1', 'x')]).toEqual([
      true,
      false,
      true,
    ]);
    for (const key of ['a', 'b', 'c']) inbox.deliver('w1', key);
    expect(() => inbox.deliver('w1', 'd')).toThrow('3 doorbells');
  });
});
