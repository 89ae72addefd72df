// GrowSchedule: at which step a model has how many layers, as a person writes it: `0:3,500:6`.
import { UsageError } from '../core/errors.js';

export interface GrowEntry {
  /** Steps done when it takes effect. */
  readonly step: number;
  /** Layers from then on. */
  readonly layers: number;
}

const fail = (message: string): never => {
  throw new UsageError(
    'PT_GROW',
    message,
    'Write STEP:LAYERS pairs with growing steps and layers, the first for step 0 and the last with all layers of the ' +
      'model, e.g. --grow 0:3,500:6.',
  );
};

/** Parses `0:LAYERS,STEP:LAYERS,...`. Throws a UsageError (PT_GROW) that names the pair. */
export function parseGrowSchedule(text: string): GrowEntry[] {
  const entries: GrowEntry[] = [];
  for (const pair of text.split(',').map((part) => part.trim())) {
    const hit = /^(\d{1,9})\s*:\s*(\d{1,9})$/.exec(pair);
    if (hit === null) return fail(`--grow ${text}: "${pair}" is not STEP:LAYERS`);
    const entry = { step: Number(hit[1]), layers: Number(hit[2]) };
    const last = entries.at(-1);
    if (entry.layers === 0) fail(`--grow ${text}: "${pair}" leaves no layer`);
    if (last === undefined && entry.step > 0)
      fail(`--grow ${text}: it begins at step ${entry.step} and does not say how many layers there are before`);
    if (last !== undefined && entry.step <= last.step)
      fail(`--grow ${text}: "${pair}" comes at step ${entry.step}, not after step ${last.step}`);
    if (last !== undefined && entry.layers <= last.layers)
      fail(`--grow ${text}: "${pair}" has ${entry.layers} layers, not more than the ${last.layers} before`);
    entries.push(entry);
  }
  if (entries.length < 2) fail(`--grow ${text}: it has one size, so that nothing grows`);
  return entries;
}
