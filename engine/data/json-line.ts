// JsonLine: one line of a JSON Lines file as an object, with what `JSON.parse` loses told or kept: a key that is given
// twice, numbers beyond what a double holds. Values are not turned into samples here.
import { DataError } from '../core/errors.js';
import { JsonMembers, JsonNumber, parseStrictJson, type StrictJson } from '../core/strict-json.js';

/** A key that is spelled with an escape may be one that stands elsewhere in plain letters. */
const ESCAPED_KEY = /\\u[0-9a-f]{4}[^"]*"\s*:/i;

/**
 * The object; numbers that are not exact as doubles are the text of their digits. Throws a DataError (PT_DATA_JSON) for
 * what is no object, for a key that is given twice, and for a number out of range.
 */
export function jsonLine(path: string, line: number, text: string): Record<string, unknown> {
  const object = parsed(text);
  if (object === null)
    throw new DataError(
      'PT_DATA_JSON',
      `${path}:${line}: not a JSON object on a line of its own`,
      'JSON Lines have one object per line, e.g. {"text": "a good film", "label": "good"}',
    );
  if (!isDoubtful(object, text)) return object;
  for (const [key, value] of membersOf(path, line, text))
    if (value instanceof JsonNumber && isInexact(object[key])) object[key] = value.text;
  return object;
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const isInexact = (value: unknown): boolean =>
  typeof value === 'number' && (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER);

/** Whether something may have been lost; a second look at every line would take many times the time. */
function isDoubtful(object: Readonly<Record<string, unknown>>, text: string): boolean {
  return (
    ESCAPED_KEY.test(text) ||
    Object.entries(object).some(([key, value]) => {
      if (isInexact(value)) return true;
      const quoted = JSON.stringify(key);
      return text.includes(quoted, text.indexOf(quoted) + quoted.length);
    })
  );
}

function membersOf(path: string, line: number, text: string): JsonMembers['all'] {
  const wrong = (why: string, hint: string): DataError =>
    new DataError('PT_DATA_JSON', `${path}:${line}: ${why}`, hint);
  let strict: StrictJson;
  try {
    strict = parseStrictJson(text.trim());
  } catch (error) {
    throw wrong((error as SyntaxError).message, 'correct the line, or write the number as a text in quotes');
  }
  const all = strict instanceof JsonMembers ? strict.all : [];
  const seen = new Set<string>();
  for (const [key] of all) {
    if (seen.has(key))
      throw wrong(`the key ${JSON.stringify(key)} is given twice`, 'leave one of them out: only one can be meant');
    seen.add(key);
  }
  return all;
}
