// JSON whose type nobody knows yet: the caller says what it takes it for.

/**
 * @param {string} text
 * @returns {unknown}
 */
export function parseJson(text) {
  /** @type {unknown} */
  const value = JSON.parse(text);
  return value;
}
