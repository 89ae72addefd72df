import { describe, expect, it } from 'vitest';
import { countLayers, frozenBlocks, layerNorms } from '../../freeze/layers.js';
import { SignalWindow } from '../../freeze/signals.js';

describe('a signal window', () => {
  it('gives the root mean square of every block since the last look', () => {
    const window = new SignalWindow(2);
    window.add([3, 1]);
    window.add([4, 1]);
    expect(window.take()).toEqual({ norms: [Math.sqrt(25 / 2), 1], steps: 2 });
    expect(window.take()).toEqual({ norms: [0, 0], steps: 0 });
  });

  it('does not grow with the length of the interval', () => {
    const window = new SignalWindow(1);
    for (let i = 0; i < 100; i++) window.add([0.5]);
    expect(window.take().norms).toEqual([0.5]);
  });

  it('goes on from what it saved as if never stopped', () => {
    const whole = new SignalWindow(2);
    const first = new SignalWindow(2);
    for (const norms of [
      [0.1, 0.2],
      [0.3, 0.7],
    ]) {
      whole.add(norms);
      first.add(norms);
    }
    const second = new SignalWindow(2, JSON.parse(JSON.stringify(first.save())) as ReturnType<SignalWindow['save']>);
    whole.add([0.9, 0.1]);
    second.add([0.9, 0.1]);
    expect(second.take()).toEqual(whole.take());
  });

  it('refuses norms of another number of blocks', () => {
    expect(() => {
      new SignalWindow(2).add([1]);
    }).toThrow('1 gradient norms for 2 blocks');
    expect(() => new SignalWindow(2, { sums: [1], steps: 1 })).toThrow('signals of 1 blocks for a model of 2');
  });
});

describe('frozen layers as blocks', () => {
  // embedding, positions, 3 layers of attention and MLP, norm, head
  const blocks = [null, null, 0, 0, 1, 1, 2, 2, null, null].map((layer) => ({ layer }));

  it('take the embeddings with the first layer and never the head', () => {
    expect([0, 1, 2, 3].map((layers) => frozenBlocks(blocks, layers))).toEqual([0, 4, 6, 8]);
    expect(countLayers(blocks)).toBe(3);
  });

  it('cannot be more than there are, nor fewer than none', () => {
    expect(() => frozenBlocks(blocks, 4)).toThrow('4 frozen layers of 3');
    expect(() => frozenBlocks(blocks, -1)).toThrow('-1 frozen layers of 3');
  });

  it('of a model without layers are none', () => {
    expect(countLayers([{ layer: null }])).toBe(0);
    expect(frozenBlocks([{ layer: null }], 0)).toBe(0);
  });

  it('have the norm of all their blocks together', () => {
    expect(layerNorms(blocks, [9, 9, 3, 4, 0, 0, 5, 12, 9, 9])).toEqual([5, 0, 13]);
    expect(() => layerNorms(blocks, [1])).toThrow('1 norms for 10 blocks');
  });
});
