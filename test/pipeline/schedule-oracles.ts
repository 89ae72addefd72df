// What schedules are measured by: the grids in test/golden, and a chain of numbers that a schedule computes as a
// pipeline computes a model.
import { readFileSync } from 'node:fs';
import { present } from '../../engine/core/invariant.js';
import type { Schedule } from '../../pipeline/schedule.js';
import { simulateActions } from '../../pipeline/simulate.js';

/** The grids of a golden file, by heading. */
export function golden(name: string): [string, string][] {
  const text = readFileSync(new URL(`../golden/${name}.txt`, import.meta.url), 'utf8');
  return text
    .split('# ')
    .slice(1)
    .map((section) => {
      const [heading = '', ...rows] = section.trim().split('\n');
      return [heading, rows.map((row) => row.trimEnd()).join('\n')];
    });
}

/**
 * Runs a chain of multiplications by the schedule, in the order of the simulation. Throws where an input is not there
 * yet.
 */
export function runChain(schedule: Schedule, weights: readonly number[], inputs: readonly number[]): number[] {
  const forwards = new Map(inputs.map((x, m) => [`0.${m}`, x]));
  const backwards = new Map(inputs.map((_, m) => [`${schedule.stages - 1}.${m}`, 1]));
  const sums = weights.map(() => 0);
  const spans = simulateActions(schedule, () => 1)
    .spans.flat()
    .sort((a, b) => a.startMs - b.startMs);
  for (const {
    action: { stage, kind, micro },
  } of spans) {
    const x = present(forwards.get(`${stage}.${micro}`), 'activation');
    const w = present(weights[stage], 'weight');
    if (kind === 'F') forwards.set(`${stage + 1}.${micro}`, x * w);
    else {
      const g = present(backwards.get(`${stage}.${micro}`), 'gradient');
      if (kind !== 'I') sums[stage] = present(sums[stage], 'sum') + x * g;
      if (kind !== 'W') backwards.set(`${stage - 1}.${micro}`, g * w);
    }
  }
  return sums;
}
