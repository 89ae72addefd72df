// SharedClock: a time that all processes of one machine read alike. It is not the time of day, and says nothing between
// machines.

/** Milliseconds on the clock of the machine. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e6;
