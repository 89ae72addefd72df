import { describe, expect, it } from 'vitest';
import { Inbox } from '../../engine/comm/inbox.js';

describe('Inbox', () => {
  it('keeps a signal that comes before its waiter', async () => {
    const inbox = new Inbox();
    inbox.deliver('F 0');
    await inbox.wait('F 0');
  });

  it('counts: two signals serve two waits, a third wait goes on waiting', async () => {
    const inbox = new Inbox();
    inbox.deliver('a');
    inbox.deliver('a');
    await inbox.wait('a');
    await inbox.wait('a');
    expect(inbox.tryTake('a')).toBe(false);
    let isThere = false;
    const third = inbox.wait('a').then(() => (isThere = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isThere).toBe(false);
    inbox.deliver('a');
    await third;
  });

  it('wakes waiters of one key in the order in which they came, and no others', async () => {
    const inbox = new Inbox();
    const order: string[] = [];
    const waits = ['first', 'second'].map(async (name) => inbox.wait('a').then(() => order.push(name)));
    const other = inbox.wait('b').then(() => order.push('other'));
    inbox.deliver('a');
    inbox.deliver('a');
    await Promise.all(waits);
    expect(order).toEqual(['first', 'second']);
    inbox.deliver('b');
    await other;
  });

  it('rejects all waiters and later waits after a failure, with the first cause', async () => {
    const inbox = new Inbox();
    const waiting = inbox.wait('a');
    inbox.deliver('b');
    inbox.fail(new Error('worker 1 is lost'));
    inbox.fail(new Error('worker 2 is lost'));
    await expect(waiting).rejects.toThrow('worker 1 is lost');
    await expect(inbox.wait('b')).rejects.toThrow('worker 1 is lost');
    expect(inbox.tryTake('b')).toBe(false);
  });

  it('forgets signals and failure when cleared', async () => {
    const inbox = new Inbox();
    inbox.deliver('a');
    inbox.fail(new Error('lost'));
    inbox.clear();
    expect(inbox.tryTake('a')).toBe(false);
    inbox.deliver('a');
    await inbox.wait('a');
    const left = inbox.wait('a');
    inbox.clear();
    await expect(left).rejects.toThrow('cleared');
  });
});
