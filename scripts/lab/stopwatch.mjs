// A stopwatch: what a long script says, with the seconds since it began.

/** Starts now. */
export function stopwatch() {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  return {
    seconds,
    /** A line with the time before it. */
    say: (/** @type {string} */ text) => console.log(`${seconds().toFixed(1).padStart(6)} s  ${text}`),
  };
}
