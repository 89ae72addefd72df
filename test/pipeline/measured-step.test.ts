// What workers report of a step, in the terms of the simulator: spans made by the simulator itself must come back as
// what it was told.
import { describe, expect, it } from 'vitest';
import { measuredStep, measuredTimes, replayed } from '../../pipeline/measured-step.js';
import { makeSchedule, SCHEDULES } from '../../pipeline/schedules/registry.js';
import { simulateActions } from '../../pipeline/simulate.js';

const DURATIONS = { F: 10, B: 21, I: 9, W: 13 } as const;

describe.each(SCHEDULES.names)('steps of %s', (name) => {
  const schedule = makeSchedule(name, 2, 4);
  const simulation = simulateActions(
    schedule,
    ({ kind, stage }) => DURATIONS[kind] + stage,
    () => 0.5,
    () => 0.25,
  );
  const spans = simulation.spans.map((list) => list.flatMap(({ startMs, endMs }) => [1000 + startMs, 1000 + endMs]));

  it('have the time and bubble that a simulation of them has', () => {
    const { totalMs, bubbleShare, busyMs } = measuredStep(spans);
    expect(totalMs).toBe(simulation.totalMs);
    expect(busyMs).toEqual(simulation.busyMs);
    expect(bubbleShare).toBeCloseTo(simulation.bubbleShare, 12);
  });
  it('give back durations, transfers and handling', () => {
    const { byKind, transferMs, handlingMs } = measuredTimes(schedule, [spans, spans]);
    expect(transferMs).toBe(0.5);
    expect(handlingMs).toBe(0.25);
    for (const [key, ms] of byKind) expect(ms).toBeCloseTo(DURATIONS[key.at(-1) as 'F'] + Number(key[0]), 9);
    const kinds = new Set(schedule.workers.flat().map(({ stage, kind }) => `${stage}${kind}`));
    expect(new Set(byKind.keys())).toEqual(kinds);
  });
  it('come out the same when they are simulated with what their own actions took', () => {
    // One slow action in the middle changes every later one.
    const slow = simulateActions(
      schedule,
      ({ kind, micro, stage }) => DURATIONS[kind] + (micro === 1 && stage === 1 ? 40 : 0),
    );
    const slowSpans = slow.spans.map((list) => list.flatMap(({ startMs, endMs }) => [startMs, endMs]));
    const again = replayed(schedule, slowSpans, { byKind: new Map(), transferMs: 0, handlingMs: 0 });
    expect(again.totalMs).toBe(slow.totalMs);
    expect(again.bubbleShare).toBeCloseTo(measuredStep(slowSpans).bubbleShare, 12);
  });
});
