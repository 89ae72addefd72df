// The policy a person writes down: at which step how many layers are frozen, e.g. `100:2,200:4`.
import { UsageError } from '../engine/core/errors.js';
import { decision, type FreezePolicy, type FreezePolicyKind } from './policy.js';

export interface ManualEntry {
  /** Steps done when it takes effect. */
  readonly step: number;
  /** Layers frozen from then on. */
  readonly layers: number;
}

const HINT = 'Write STEP:LAYERS pairs with growing steps and layers, e.g. --freeze-schedule 100:2,200:4.';
const fail = (message: string): never => {
  throw new UsageError('PT_FREEZE_SCHEDULE', message, HINT);
};

/** Parses `STEP:LAYERS,...`. Throws a UsageError (PT_FREEZE_SCHEDULE) that names the pair. */
export function parseFreezeSchedule(text: string): ManualEntry[] {
  if (text.trim() === '') return fail('the manual freeze policy has no schedule');
  const entries: ManualEntry[] = [];
  for (const pair of text.split(',').map((part) => part.trim())) {
    const hit = /^(\d{1,9})\s*:\s*(\d{1,9})$/.exec(pair);
    if (hit === null) return fail(`"${pair}" in the freeze schedule is not STEP:LAYERS`);
    const entry = { step: Number(hit[1]), layers: Number(hit[2]) };
    const last = entries.at(-1);
    if (last !== undefined && entry.step <= last.step)
      fail(`"${pair}" in the freeze schedule comes at step ${entry.step}, not after step ${last.step}`);
    if (last !== undefined && entry.layers < last.layers)
      fail(
        `"${pair}" in the freeze schedule goes back from ${last.layers} to ${entry.layers} layers; frozen ` +
          'layers stay frozen',
      );
    entries.push(entry);
  }
  return entries;
}

/** Freezes what the schedule says for the steps done so far. Throws as `parseFreezeSchedule`. */
export function manualFreeze(schedule: string): FreezePolicy {
  const entries = parseFreezeSchedule(schedule);
  return {
    name: 'manual',
    isGuarded: false,
    everyStep: true,
    atStart: true,
    decide(input) {
      const entry = entries.findLast(({ step }) => step <= input.step);
      const [first] = entries;
      if (entry === undefined)
        return decision(input, 0, `the schedule begins at step ${first?.step ?? 0}, this is step ${input.step}`);
      return decision(
        input,
        entry.layers,
        `the schedule says ${entry.layers} layers from step ${entry.step}, this is step ${input.step}`,
      );
    },
    expected: ({ layers: frozen }) => entries.flatMap(({ layers }) => (layers > frozen ? [layers] : [])).slice(0, 1),
  };
}

export const manual: FreezePolicyKind = {
  name: 'manual',
  reads: ['schedule'],
  isGuarded: false,
  make: ({ schedule }) => manualFreeze(schedule),
};
