import { describe, expect, it } from 'vitest';
import { WrongPasses } from '../../engine/comm/wrong-passes.js';

describe('the answer to a wrong pass', () => {
  it('waits twice as long each time, to five seconds, for each source by itself', () => {
    const passes = new WrongPasses();
    const pauses = Array.from({ length: 9 }, () => passes.pauseFor('a', 0));
    expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    expect(passes.pauseFor('b', 0)).toBe(100);
  });

  it('is forgotten after a minute without one', () => {
    const passes = new WrongPasses();
    for (let i = 0; i < 5; i++) passes.pauseFor('a', 0);
    expect(passes.pauseFor('a', 59_000)).toBe(3200);
    expect(passes.pauseFor('a', 120_000)).toBe(100);
  });

  it('is remembered of so many sources, and no more', () => {
    const passes = new WrongPasses();
    passes.pauseFor('first', 0);
    for (let i = 0; i < 1024; i++) passes.pauseFor(`source ${i}`, 0);
    expect(passes.pauseFor('first', 0)).toBe(100);
    expect(passes.pauseFor('source 1000', 0)).toBe(200);
  });
});
