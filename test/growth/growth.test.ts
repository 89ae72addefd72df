// What grows into what, and when: pure.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ladderOf } from '../../engine/growth/ladder.js';
import { growPolicyOf } from '../../engine/growth/policies.js';
import type { GrowInput } from '../../engine/growth/policy.js';
import { parseGrowSchedule } from '../../engine/growth/schedule.js';
import { GROWTH_WAYS } from '../../engine/growth/ways.js';
import { errorOf } from '../error-of.js';

const rungs = (way: string, counts: readonly number[]) => ladderOf(GROWTH_WAYS.get(way), counts);
const likes = (way: string, counts: readonly number[]): string[] =>
  rungs(way, counts).map(({ born }) => born.map(({ layer, like }) => `${layer}<${like}`).join(' '));

describe('a ladder', () => {
  it('stacks whole copies on top', () => {
    expect(rungs('stack', [3, 6]).map(({ layers }) => layers)).toEqual([
      [0, 1, 2],
      [0, 1, 2, 3, 4, 5],
    ]);
    expect(likes('stack', [1, 2, 4])).toEqual(['', '1<0', '2<0 3<1']);
  });
  it('interleaves: each layer beside its copy, under the number that it has in the end', () => {
    expect(rungs('interleave', [2, 4, 8]).map(({ layers }) => layers.join(' '))).toEqual([
      '0 4',
      '0 2 4 6',
      '0 1 2 3 4 5 6 7',
    ]);
    expect(likes('interleave', [2, 4, 8])).toEqual(['', '2<0 6<4', '1<0 3<2 5<4 7<6']);
  });
  it('copies the first layers where there is no room for all copies', () => {
    expect(likes('stack', [4, 6])).toEqual(['', '4<0 5<1']);
  });
  it('keeps every layer that is there, and starts every other like one that was', () => {
    const counts = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...GROWTH_WAYS.names), counts, (way, unordered) => {
        const sizes = [...unordered].sort((a, b) => a - b);
        const ladder = rungs(way, sizes);
        expect(ladder.map(({ layers }) => layers.length)).toEqual(sizes);
        for (const [i, { layers, born }] of ladder.entries()) {
          const before = ladder[i - 1]?.layers ?? layers;
          expect([...before, ...born.map(({ layer }) => layer)].sort((a, b) => a - b)).toEqual(layers);
          expect(born.every(({ like }) => before.includes(like))).toBe(true);
        }
      }),
    );
  });
});

describe('a schedule', () => {
  it('says how many layers there are from which step on', () => {
    expect(parseGrowSchedule('0:3, 500:6')).toEqual([
      { step: 0, layers: 3 },
      { step: 500, layers: 6 },
    ]);
  });
  it.each([
    ['often', '"often" is not STEP:LAYERS'],
    ['0:0,5:2', '"0:0" leaves no layer'],
    ['5:2,9:4', 'begins at step 5'],
    ['0:2,0:4', '"0:4" comes at step 0, not after step 0'],
    ['0:4,5:4', '"5:4" has 4 layers, not more than the 4 before'],
    ['0:4', 'one size'],
  ])('%s is refused', (text, message) => {
    const error = errorOf(() => parseGrowSchedule(text));
    expect([error.code, error.exitCode]).toEqual(['PT_GROW', 2]);
    expect(error.message).toContain(message);
  });
});

describe('auto', () => {
  const input: GrowInput = { step: 100, totalSteps: 1000, sizes: [3, 6], layers: 3, interval: 25, losses: [] };
  const decide = (changes: Partial<GrowInput>) => growPolicyOf('auto').decide({ ...input, ...changes });
  it('stays while the loss falls', () => {
    expect(decide({ losses: [4, 3.5, 3, 2.6] })).toMatchObject({ layers: 3 });
  });
  it('grows when it falls by a small part of what it fell by at best, and says by how much', () => {
    const { layers, reason } = decide({ losses: [4, 3, 2.5, 2.45, 2.4] });
    expect(layers).toBe(6);
    expect(reason).toContain('fell by 0.1000, at best by 1.5000');
  });
  it('grows when the loss does not fall at all', () => {
    expect(decide({ losses: [2, 2.1, 2.2, 2.3] })).toMatchObject({ layers: 6 });
  });
  it('does not judge by too little', () => {
    expect(decide({ losses: [4, 3.99, 3.98] })).toMatchObject({ layers: 3 });
  });
  it('grows in time for what it gains to be worth something, whatever the loss does', () => {
    expect(decide({ step: 350, losses: [4, 3.5, 3, 2.6] }).reason).toContain('no later than after 350');
  });
  it('takes one size after the other', () => {
    const sizes = [2, 4, 8];
    expect(decide({ sizes, layers: 2, step: 175 })).toMatchObject({ layers: 4 });
    expect(decide({ sizes, layers: 4, step: 175 })).toMatchObject({ layers: 4 });
    expect(decide({ sizes, layers: 4, step: 350 })).toMatchObject({ layers: 8 });
  });
});
