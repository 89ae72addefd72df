// TokenChoice: what may be chosen, and how often.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseToken, type TokenChoice } from '../../engine/inference/token-choice.js';

const ALL: TokenChoice = { temperature: 1, topK: 0, topP: 1 };
const logits = fc
  .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 12 })
  .map((values) => Float32Array.from(values));
const quantile = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** Ids, the most probable first. */
const ranked = (values: Float32Array): number[] =>
  Array.from(values.keys()).sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);

describe('the next token', () => {
  it('is drawn with the probabilities of the model', () => {
    // Probabilities 0.1, 0.2, 0.7.
    const row = Float32Array.from([0.1, 0.2, 0.7], Math.log);
    const draws = Array.from({ length: 1000 }, (_, i) => chooseToken(row, ALL, (i + 0.5) / 1000));
    expect([0, 1, 2].map((token) => draws.filter((drawn) => drawn === token).length)).toEqual([100, 200, 700]);
  });

  it('is the most probable one at temperature 0, or of a single one', () => {
    fc.assert(
      fc.property(logits, quantile, (row, u) => {
        const best = ranked(row)[0];
        expect(chooseToken(row, { ...ALL, temperature: 0 }, u)).toBe(best);
        expect(chooseToken(row, { ...ALL, topK: 1 }, u)).toBe(best);
        expect(chooseToken(row, { ...ALL, topP: 0 }, u)).toBe(best);
      }),
    );
  });

  it('is one of the k most probable', () => {
    fc.assert(
      fc.property(logits, quantile, fc.integer({ min: 1, max: 12 }), (row, u, topK) => {
        expect(ranked(row).slice(0, topK)).toContain(chooseToken(row, { ...ALL, topK }, u));
      }),
    );
  });

  it('is one of the fewest that have the share, the one that reaches it included', () => {
    // 0.5, 0.3, 0.15, 0.05
    const row = Float32Array.from([0.15, 0.5, 0.05, 0.3], Math.log);
    const chosen = (topP: number, topK = 0): number[] =>
      [
        ...new Set(Array.from({ length: 400 }, (_, i) => chooseToken(row, { ...ALL, topK, topP }, (i + 0.5) / 400))),
      ].sort();
    expect(chosen(0.45)).toEqual([1]);
    expect(chosen(0.7)).toEqual([1, 3]);
    expect(chosen(0.9)).toEqual([0, 1, 3]);
    // Of the two most probable, the first has a share of 0.625.
    expect(chosen(0.6, 2)).toEqual([1]);
  });

  it('is bolder at higher temperatures', () => {
    const row = Float32Array.of(0, 2);
    const share = (temperature: number): number =>
      Array.from({ length: 400 }, (_, i) => chooseToken(row, { ...ALL, temperature }, (i + 0.5) / 400)).filter(
        (token) => token === 0,
      ).length;
    expect(share(0.5)).toBeLessThan(share(1));
    expect(share(1)).toBeLessThan(share(4));
  });
});
