// Decimal: the one way in which numbers are written on the command line, in the environment and in files: digits with a
// point and an exponent where they are wanted. Hexadecimal, 1_000, Infinity and a blank are texts, which validation
// then refuses with what was written.
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Whether a text is a number that 64 bits can hold, however many digits it has; a whole one exactly: above 2^53 another
 * one would be taken than was written.
 */
export const isDecimal = (text: string): boolean =>
  DECIMAL.test(text) &&
  Number.isFinite(Number(text)) &&
  (!/^[+-]?\d+$/.test(text) || Number.isSafeInteger(Number(text)));

/** The number, or null where the text is none. */
export const decimalIn = (text: string): number | null => (isDecimal(text) ? Number(text) : null);
