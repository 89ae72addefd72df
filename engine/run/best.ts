// Best: the best whole validation of a run so far, and how many there were since. It counts every validation once,
// also where a run that goes on does it again. Which weights belong to it is not its business.
import { z } from 'zod';

const count = z.number().int().nonnegative();

export const bestSchema = z
  .object({
    /** Steps after which it was measured. */
    step: count,
    value: z.number(),
    /** Validations since then, none of which was better. */
    since: count,
    /** Steps after which the last one that counts was done. */
    at: count,
  })
  .readonly();

export type Best = z.infer<typeof bestSchema>;

/** What makes one validation better than another. */
export interface BestBy {
  readonly name: string;
  readonly isHigherBetter: boolean;
}

/** What was the best, with one more validation; the first of equal ones stays. Null where none was a number so far. */
export function nextBest(
  best: Best | null,
  { step, value }: { readonly step: number; readonly value: number },
  { isHigherBetter }: BestBy,
): Best | null {
  if (best === null) return Number.isFinite(value) ? { step, value, since: 0, at: step } : null;
  if (step <= best.at) return best;
  const isBetter = isHigherBetter ? value > best.value : value < best.value;
  return isBetter && Number.isFinite(value)
    ? { step, value, since: 0, at: step }
    : { ...best, since: best.since + 1, at: step };
}

/** What `--keep-best` and `--patience` look at. */
export const bestBy = (
  keepBest: 'off' | 'metric' | 'loss',
  metric: { readonly name: string; readonly higherIsBetter: boolean },
): BestBy =>
  keepBest === 'loss'
    ? { name: 'loss', isHigherBetter: false }
    : { name: metric.name, isHigherBetter: metric.higherIsBetter };
