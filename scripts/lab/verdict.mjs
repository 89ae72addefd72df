// The verdict at the end of a soak: what failed, and the exit code.

/**
 * Prints it and ends the process: with 0 where nothing failed.
 * @param {string} name
 * @param {readonly string[]} failures
 * @param {string} success
 * @returns {never}
 */
export function conclude(name, failures, success) {
  console.log(
    failures.length === 0
      ? `${name}: ${success}`
      : `${name} FAILED (${failures.length}):\n  ${[...new Set(failures)].slice(0, 20).join('\n  ')}`,
  );
  process.exit(failures.length === 0 ? 0 : 1);
}
