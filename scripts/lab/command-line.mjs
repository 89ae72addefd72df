// What scripts make of their command line: numbers, names, a message and exit code 2 where something is wrong.

/**
 * @param {string} message
 * @returns {never}
 */
export function fail(message) {
  console.error(message);
  process.exit(2);
}

/**
 * The value of an option that takes a whole number.
 * @param {string} option
 * @param {string} text
 * @param {number} [least]
 */
export function wholeNumber(option, text, least = 1) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    fail(`--${option} takes a whole number from ${least}; ${JSON.stringify(text)} is none`);
  return value;
}

/**
 * The value of an option that takes whole numbers, separated by commas.
 * @param {string} option
 * @param {string} text
 */
export const wholeNumbers = (option, text) => text.split(',').map((part) => wholeNumber(option, part));

/**
 * The names, if all of them are known; all known ones where none is given.
 * @template {string} Name
 * @param {string} what
 * @param {readonly string[]} names
 * @param {Readonly<Record<Name, unknown>>} known
 * @returns {Name[]}
 */
export function knownNames(what, names, known) {
  const all = /** @type {Name[]} */ (Object.keys(known));
  const isKnown = (/** @type {string} */ name) => name in known;
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined) fail(`there is no ${what} "${unknown}"; there are ${all.join('; ')}`);
  return names.length === 0 ? all : /** @type {Name[]} */ ([...names]);
}

/**
 * Flags with their values, each once: of several, the last. Said twice they are refused, since nobody can know which
 * was meant; here the later ones are.
 * @param {readonly string[]} args
 * @returns {string[]}
 */
export function lastOfEach(args) {
  /** @type {Map<string, string[]>} */
  const values = new Map();
  args.forEach((arg, at) => {
    if (!arg.startsWith('--')) return;
    const next = args[at + 1];
    values.delete(arg);
    values.set(arg, next === undefined || next.startsWith('--') ? [] : [next]);
  });
  return [...values].flatMap(([flag, value]) => [flag, ...value]);
}
