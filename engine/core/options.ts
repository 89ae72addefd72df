// Option check: what a zod schema finds wrong with options that a person gave, in words. It does not decide which error
// to throw.
import type { z } from 'zod';
import { didYouMean } from './suggest.js';

export type CheckedOptions<T> =
  { readonly value: T; readonly problem: null } | { readonly value: null; readonly problem: string };

/** Names of the options a schema knows; empty where it is no object schema. */
export function optionNames(schema: z.ZodType): string[] {
  const shape = (schema as { shape?: unknown }).shape;
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : [];
}

/**
 * Validates `raw`; the problem names every wrong option, what it should be, and the nearest known name of an unknown
 * one.
 */
export function checkOptions<T>(schema: z.ZodType<T>, raw: Readonly<Record<string, unknown>>): CheckedOptions<T> {
  const result = schema.safeParse(raw);
  if (result.success) return { value: result.data, problem: null };
  const names = optionNames(schema);
  const problems = result.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => `there is no option "${key}".${didYouMean(key, names)}`).join(' ');
    const path = issue.path.join('.');
    const given = path === '' ? '' : ` (given: ${JSON.stringify(raw[path])})`;
    return `${path === '' ? 'options' : `option "${path}"`}: ${issue.message}${given}.`;
  });
  return { value: null, problem: problems.join(' ') };
}
