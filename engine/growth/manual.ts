// The growth that a person writes down: at which step how many layers there are, e.g. `0:3,500:6`.
import { type GrowPolicy, grows } from './policy.js';
import { parseGrowSchedule } from './schedule.js';

/** Grows as the schedule says for the steps done so far. Throws a UsageError (PT_GROW) where it cannot be read. */
export function manualGrowth(schedule: string): GrowPolicy {
  const entries = parseGrowSchedule(schedule);
  return {
    name: 'manual',
    everyStep: true,
    decide(input) {
      const entry = entries.findLast(({ step }) => step <= input.step);
      const layers = entry?.layers ?? input.layers;
      return grows(
        input,
        layers,
        `the schedule says ${layers} layers from step ${entry?.step ?? 0}, this is step ${input.step}`,
      );
    },
  };
}
