// What a cache costs while it fills and afterwards, by hand-made numbers.
import { describe, expect, it } from 'vitest';
import { cacheForecast } from '../../engine/planning/cache-forecast.js';

const input = { computeMs: 8, newComputeMs: 8, readMs: 1, writeMs: 2, share: 1, epochsLeft: 4 };

describe('the forecast of a cache', () => {
  it('averages the epoch that computes and writes with those that read', () => {
    expect(cacheForecast(input)).toEqual({ fillMs: 10, steadyMs: 1, averageMs: (10 + 3 * 1) / 4 });
  });
  it('is filling alone where no epoch follows', () => {
    expect(cacheForecast({ ...input, epochsLeft: 0.5 }).averageMs).toBe(10);
  });
  it('computes what has no place, in every epoch', () => {
    expect(cacheForecast({ ...input, share: 0.25 })).toMatchObject({ fillMs: 8.5, steadyMs: 0.25 * 1 + 0.75 * 8 });
  });
  it('fills faster from the level before', () => {
    expect(cacheForecast({ ...input, newComputeMs: 3 })).toMatchObject({ fillMs: 5, steadyMs: 1 });
  });
});
