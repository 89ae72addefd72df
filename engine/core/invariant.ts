// Checks for our own bugs. Never for input of people: that gets a PipetrainError.

/** Thrown when the program contradicts itself. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an InvariantError with a lazily built message unless `isTrue`. */
export function invariant(isTrue: boolean, message: () => string): asserts isTrue {
  if (!isTrue) throw new InvariantError(message());
}

/** The value, or an InvariantError where it is missing. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new InvariantError(`${what} is missing`);
  return value;
}
