import { describe, expect, it } from 'vitest';
import { trainConfigSchema } from '../../engine/core/config.js';
import { machineBytes, memoryLimitPerWorker, parseMemoryLimit } from '../../engine/core/memory-limit.js';

describe('a memory limit', () => {
  it.each([
    ['800000', 800_000],
    ['64 B', 64],
    ['512MB', 512e6],
    ['512m', 512e6],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['2 Gi', 2 ** 31],
    ['1TB', 1e12],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseMemoryLimit(text)).toBe(bytes);
    expect(trainConfigSchema.shape.memoryLimit.parse(text)).toBe(text);
  });

  it.each(['', 'much', '-1', '1XB', '1..2', 'GB'])('"%s" is refused', (text) => {
    expect(trainConfigSchema.shape.memoryLimit.safeParse(text).success).toBe(false);
  });

  it('of nothing is refused', () => {
    expect(() => parseMemoryLimit('0')).toThrow(/nothing fits/);
  });

  it('is the share of the machine where nobody asks', () => {
    expect(memoryLimitPerWorker('auto', 4, 0)).toBe(Math.floor(machineBytes() / 4));
    expect(memoryLimitPerWorker('1kB', 4, 0)).toBe(1000);
  });

  it('leaves room for copies of the state, up to a half of the machine, unless somebody asks', () => {
    expect(memoryLimitPerWorker('auto', 4, 4e6)).toBe(Math.floor((machineBytes() - 4e6) / 4));
    expect(memoryLimitPerWorker('auto', 4, machineBytes())).toBe(Math.floor(machineBytes() / 8));
    expect(memoryLimitPerWorker('1GB', 4, machineBytes())).toBe(1e9);
  });
});
