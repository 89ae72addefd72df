// FreezerState: all that freezing remembers between two steps, as snapshots and checkpoints keep it. Only the shape of
// the data.
import { z } from 'zod';

const norms = z.array(z.number()).readonly();
const point = z.object({ step: z.number().int(), metric: z.number(), parts: norms });

const progressSchema = z.object({
  /** Frozen transformer layers. */
  layers: z.number().int(),
  /** Decisions so far. */
  decisions: z.number().int(),
  /** Steps done at the last decision, so that a state from before a decision still owes it. */
  decidedAt: z.number().int().default(-1),
  signals: z.object({ sums: norms, steps: z.number().int() }),
  /**
   * Gradient norm per layer of the last interval and the one before, of a frozen layer the last before it froze; empty
   * where there was none.
   */
  norms: norms.default([]),
  previousNorms: norms.default([]),
});

const guardSchema = z.object({
  /** Looks at the validation metric, oldest first. */
  looks: z.array(point).readonly(),
  /**
   * The freezes that are being watched, oldest first, those between two looks as one: where it began, how often it was
   * looked at, the name of its checkpoint, and what freezing was like before.
   */
  watches: z
    .array(
      z.object({
        step: z.number().int(),
        looks: z.number().int(),
        checkpoint: z.string().nullable(),
        before: progressSchema,
      }),
    )
    .readonly(),
  /** No layer freezes before so many steps are done. */
  heldUntil: z.number().int(),
  /** Freezes rolled back so far. */
  rollbacks: z.number().int(),
});

export const freezerStateSchema = progressSchema.extend({
  guard: guardSchema.default({ looks: [], watches: [], heldUntil: 0, rollbacks: 0 }),
});

export type FreezeProgress = z.infer<typeof progressSchema>;
export type GuardState = z.infer<typeof guardSchema>;
export type FreezerState = z.infer<typeof freezerStateSchema>;
