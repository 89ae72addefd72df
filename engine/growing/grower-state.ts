// GrowerState: all that growth remembers between two steps, as snapshots and checkpoints keep it. Only the shape of the
// data.
import { z } from 'zod';

const count = z.number().int().nonnegative();

export const growerStateSchema = z.object({
  /** Steps done at each growth so far. */
  grownAt: z.array(count).readonly(),
  /** Steps done at the last decision, so that a state from before a decision still owes it. */
  decidedAt: z.number().int(),
  /** Mean loss of each whole interval since the last growth, and the sum of the one under way. */
  losses: z.array(z.number()).readonly(),
  sum: z.number(),
  steps: count,
});

export type GrowerState = z.infer<typeof growerStateSchema>;

/** Before the first step. */
export const NOT_GROWN: GrowerState = { grownAt: [], decidedAt: 0, losses: [], sum: 0, steps: 0 };
