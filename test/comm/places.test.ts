// By where a connection comes from it is decided who gives way.
import { describe, expect, it } from 'vitest';
import { Places } from '../../engine/comm/places.js';
import { sourceOf } from '../../engine/comm/source.js';

describe('the source of a connection', () => {
  it('is one address of IPv4, however it is written', () => {
    expect(sourceOf('192.0.2.7')).toBe('192.0.2.7');
    expect(sourceOf('::ffff:192.0.2.7')).toBe('192.0.2.7');
    expect(sourceOf('::FFFF:192.0.2.7')).toBe('192.0.2.7');
    expect(sourceOf('192.0.2.8')).not.toBe(sourceOf('192.0.2.7'));
  });

  it('is a network of IPv6: its addresses cost their owner nothing', () => {
    expect(sourceOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(sourceOf('2001:db8:1:2::9')).toBe('2001:db8:1:2::/64');
    expect(sourceOf('2001:db8:1::9')).toBe('2001:db8:1:0::/64');
    expect(sourceOf('2001:0db8:0001:0002::')).toBe('2001:db8:1:2::/64');
    expect(sourceOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
    expect(sourceOf('2001:db8:1:3::9')).not.toBe(sourceOf('2001:db8:1:2::9'));
  });

  it('is this host for every address that means it', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.2'])
      expect(sourceOf(address)).toBe('this host');
    expect(sourceOf(undefined)).toBe('this user');
  });
});

describe('places', () => {
  it('are given to everybody while there are any, and back', () => {
    const places = new Places<string>(2);
    expect([places.take('a', 'a0'), places.take('a', 'a1')]).toEqual([null, null]);
    places.leave('a', 'a0');
    places.leave('a', 'nobody');
    expect(places.take('a', 'a2')).toBeNull();
    expect(places.take('a', 'a3')).toBe('a1');
  });

  it('are lost by the oldest of the source with the most, whoever comes', () => {
    const places = new Places<string>(4);
    for (const guest of ['few', 'many0', 'many1', 'many2']) places.take(guest.slice(0, 3), guest);
    expect(places.take('new', 'new0')).toBe('many0');
    expect(places.take('few', 'few1')).toBe('few'); // two sources have as many: those that came first
    expect(places.take('man', 'many3')).toBe('many1');
  });

  it('are lost by the oldest of all where every source has one', () => {
    const places = new Places<string>(3);
    const losers = Array.from({ length: 6 }, (_, i) => places.take(`source ${i}`, `guest ${i}`));
    expect(losers).toEqual([null, null, null, 'guest 0', 'guest 1', 'guest 2']);
  });

  it('are kept by those that come from where somebody was let in before, however many others come', () => {
    const places = new Places<string>(8);
    places.know('home');
    for (let i = 0; i < 3; i++) places.take('home', `home ${i}`);
    const losers = Array.from({ length: 500 }, (_, i) => places.take(`source ${i}`, `guest ${i}`));
    expect(losers.filter((loser) => loser?.startsWith('home'))).toEqual([]);
  });

  it('are lost by one who was let in before where it takes all', () => {
    const places = new Places<string>(40);
    places.know('home');
    for (let i = 0; i < 40; i++) places.take('home', `home ${i}`);
    expect(places.take('elsewhere', 'guest')).toBe('home 0');
  });
});
