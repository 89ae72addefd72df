// A time span of training as the configuration writes it: "50 steps", "0.5 epochs", "never". Only parsing; nothing
// counts here.
import { UsageError } from './errors.js';

/** "20 steps", "1 epoch", "0.5 epochs": whole steps or a part of epochs, more than none. */
const SPAN = /(?=[^a-z]*[1-9])(\d{1,15} ?steps?|\d{1,15}(\.\d{1,15})? ?epochs?)/.source;
export const DURATION_PATTERN = new RegExp(`^${SPAN}$`);
export const DURATION_OR_NEVER_PATTERN = new RegExp(`^(${SPAN}|never)$`);

export const DURATION_NEVER_OR_AUTO_PATTERN = new RegExp(`^(${SPAN}|never|auto)$`);

/** Whole steps, at least 1; Infinity for `never`. Throws a UsageError (PT_DURATION) for a text that is no time span. */
export function durationInSteps(text: string, stepsPerEpoch: number): number {
  if (text === 'never') return Infinity;
  const amount = Number.parseFloat(text);
  if (!DURATION_PATTERN.test(text))
    throw new UsageError(
      'PT_DURATION',
      `"${text}" is no time span`,
      'Write "N steps" with a whole number above 0, "N epochs", also of a part of one, or "never".',
    );
  return Math.max(1, Math.round(amount * (text.includes('epoch') ? stepsPerEpoch : 1)));
}
