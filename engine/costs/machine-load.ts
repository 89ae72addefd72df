// MachineLoad: how much of a span of time went to others, as the system counts it: time in which this thread could have
// computed and another one did (/proc/self/schedstat), and time that another machine on the same processor took (steal
// in /proc/stat). Where the system counts neither, nobody is known to have been there.
import { readFileSync } from 'node:fs';

/** The counters at one moment; null where the system has none. */
export interface LoadReading {
  readonly wallMs: number;
  /** For so long the main thread of this process waited for a processor since it began. */
  readonly waitedMs: number | null;
  /** Ticks of all processors: all, and those that were stolen. */
  readonly ticks: { readonly all: number; readonly stolen: number } | null;
}

/** Those who compute at the same time on purpose: they wait for each other in training as they do now. */
export interface Crowd {
  readonly workers: number;
  readonly cores: number;
}

export const readLoad = (): LoadReading => ({
  wallMs: performance.now(),
  waitedMs: waitedIn(textOf('/proc/self/schedstat')),
  ticks: ticksIn(textOf('/proc/stat')),
});

/** Share of the time between two readings that others had, 0 to 1. */
export function othersShare(from: LoadReading, to: LoadReading, { workers, cores }: Crowd): number {
  const wallMs = to.wallMs - from.wallMs;
  if (!(wallMs > 0)) return 0;
  const waited = from.waitedMs === null || to.waitedMs === null ? 0 : (to.waitedMs - from.waitedMs) / wallMs;
  // More workers than cores wait for each other, whoever else is there.
  const own = Math.max(0, 1 - cores / Math.max(1, workers));
  const byThread = Math.max(0, waited - own) / (1 - own);
  const all = from.ticks === null || to.ticks === null ? 0 : to.ticks.all - from.ticks.all;
  const stolen = all > 0 && from.ticks !== null && to.ticks !== null ? (to.ticks.stolen - from.ticks.stolen) / all : 0;
  return Math.min(1, Math.max(0, byThread) + Math.max(0, stolen));
}

/** Milliseconds in the text of schedstat: time on a processor, time waited for one (both ns), and how often. */
export function waitedIn(text: string | null): number | null {
  const waited = Number(text?.trim().split(/\s+/)[1] ?? NaN);
  return Number.isFinite(waited) ? waited / 1e6 : null;
}

/** Of the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests count as user. */
export function ticksIn(text: string | null): LoadReading['ticks'] {
  const counts =
    /^cpu +([\d ]+)$/m
      .exec(text ?? '')?.[1]
      ?.trim()
      .split(/ +/)
      .slice(0, 8)
      .map(Number) ?? [];
  if (counts.length < 8) return null;
  return { all: counts.reduce((sum, count) => sum + count, 0), stolen: counts[7] as number };
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
