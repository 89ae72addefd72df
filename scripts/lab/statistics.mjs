// Statistics of repeated measurements.

/**
 * The middle value, the higher of the two middle ones of an even number; NaN of none.
 * @param {readonly number[]} values
 */
export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** @param {readonly number[]} values */
export const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** @param {readonly number[]} values */
export const sum = (values) => values.reduce((a, b) => a + b, 0);

/**
 * How often each item comes, the most frequent first, equal ones by name.
 * @param {Iterable<string>} items
 * @returns {[string, number][]}
 */
export function counted(items) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}
