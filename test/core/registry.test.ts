// Registries: names, their order, and what is said of one that is not there; and that those of the engine agree with
// what they list.
import { describe, expect, it } from 'vitest';
import { codecOf, CODECS } from '../../cache/codec.js';
import { UsageError } from '../../engine/core/errors.js';
import { Registry } from '../../engine/core/registry.js';
import { runConfigSchema } from '../../engine/run/run-config.js';
import { FREEZE_POLICIES } from '../../freeze/registry.js';
import { makeSchedule, SCHEDULES } from '../../pipeline/schedules/registry.js';

describe('a registry', () => {
  const fruit = new Registry('fruit', [{ name: 'pear' }, { name: 'apple' }]);
  it('keeps the order of its list', () => {
    expect(fruit.names).toEqual(['pear', 'apple']);
    expect(fruit.get('apple')).toEqual({ name: 'apple' });
    expect([fruit.has('pear'), fruit.has('toString')]).toEqual([true, false]);
  });
  it('names the nearest where a name is not there, and all there are', () => {
    expect(() => fruit.get('aple')).toThrow(UsageError);
    expect(() => fruit.get('aple')).toThrow(
      expect.objectContaining({
        code: 'PT_USAGE',
        message: 'there is no fruit "aple". Did you mean "apple"?',
        hint: 'There are: pear, apple.',
      }) as Error,
    );
  });
  it('has every name once', () => {
    expect(() => new Registry('fruit', [{ name: 'fig' }, { name: 'fig' }])).toThrow('two of fig, fig have one name');
  });
});

describe('what is listed', () => {
  const options = { alpha: 0.5, schedule: '1:1', percentile: 50, start: 0.5, budget: 0.15, pretrainedLayers: 12 };
  it('has the name of its kind: policies, schedules', () => {
    expect(FREEZE_POLICIES.all.map((kind) => kind.make(options).name)).toEqual(FREEZE_POLICIES.names);
    expect(SCHEDULES.names.map((name) => makeSchedule(name, 2, 4).name)).toEqual(SCHEDULES.names);
  });
  it('is guarded where a policy decides by itself, and freezes at all', () => {
    const isGuarded = (name: string, pretrainedLayers: number): boolean =>
      FREEZE_POLICIES.get(name).make({ ...options, pretrainedLayers }).isGuarded;
    for (const name of ['paper', 'alpha', 'change']) expect(isGuarded(name, 0)).toBe(true);
    for (const name of ['none', 'manual', 'anneal']) expect(isGuarded(name, 12)).toBe(false);
    expect([isGuarded('auto', 12), isGuarded('auto', 0)]).toEqual([true, false]);
  });
  it('is what settings accept', () => {
    const needed = { model: 'gpt', data: 'text:x' };
    const accepts = (setting: string, name: string): boolean =>
      runConfigSchema.safeParse({ ...needed, [setting]: name }).success;
    for (const name of FREEZE_POLICIES.names) expect(accepts('freeze', name)).toBe(true);
    for (const name of CODECS.names) expect(accepts('cacheCodec', name)).toBe(true);
    expect(accepts('freeze', 'thaw')).toBe(false);
    expect(accepts('cacheCodec', 'f8')).toBe(false);
    expect(() => codecOf('f8')).toThrow('there is no codec of the cache "f8". Did you mean "i8"?');
  });
});
