// The trace of a real run: what a viewer gets, beside what the events of the same run say.
import { expect, test } from 'vitest';
import type { RunEvent } from '../../engine/events/events.js';
import type { StepOfPlan } from '../../engine/trace/read-trace.js';
import { runTrace } from '../../engine/trace/run-trace.js';
import { traceJson } from '../../engine/trace/trace-json.js';
import type { TracedPlan } from '../../engine/trace/trace-line.js';
import { trainRun } from './train-run.js';

interface Entry {
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  readonly cat?: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly step?: number; readonly name?: string };
}

const WORKERS = 2;

/** Of the entries of a row, one lies in the other or they lie apart: no viewer takes anything else. */
function requireNested(entries: readonly Entry[]): void {
  const open = new Map<string, number[]>();
  const spans = entries.filter(({ ph }) => ph === 'X').sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  for (const { pid, tid, ts, dur, name } of spans) {
    const ends = (open.get(`${pid} ${tid}`) ?? []).filter((end) => end > ts);
    expect(ts + dur, name).toBeLessThanOrEqual(ends.at(-1) ?? Infinity);
    open.set(`${pid} ${tid}`, [...ends, ts + dur]);
  }
}

/** The idle share of both workers from the first action of a step to its last one. */
function idleShare(entries: readonly Entry[], step: number): number {
  const actions = entries.filter(({ pid, cat, args }) => pid === WORKERS && args?.step === step && isWork(cat));
  const begin = Math.min(...actions.map(({ ts }) => ts));
  const end = Math.max(...actions.map(({ ts, dur }) => ts + dur));
  return 1 - actions.reduce((sum, { dur }) => sum + dur, 0) / (2 * (end - begin));
}

const isWork = (category: string | undefined): boolean => category === 'forward' || category === 'backward';

test('a run of two stages that freezes is traced whole, and its bubbles are those of its events', async () => {
  const [events, steps]: [RunEvent[], StepOfPlan[]] = [[], []];
  const now = (): number => performance.now() / 1000;
  let plan: TracedPlan | null = null;
  const run = await trainRun(
    { devices: 'cpu:2', pipeline: 2, replicas: 1, freeze: 'manual', freezeSchedule: '6:1' },
    (event) => events.push({ time: now(), ...event }),
    undefined,
    {
      trace: (line) => {
        if (line.type === 'plan') plan = line;
        else if (plan !== null) steps.push({ plan, step: { ...line, time: now() } });
      },
    },
  );
  expect(steps.map(({ step }) => step.step)).toEqual(run.of('step').map(({ step }) => step));
  const facts = { numTraced: 0, moved: new Set<string>() };
  const json = [...traceJson(runTrace({ events, numSteps: steps.length, steps }, facts))].join('');
  expect(facts).toEqual({ numTraced: 12, moved: new Set() });
  const { traceEvents: entries } = JSON.parse(json) as { traceEvents: Entry[] };
  requireNested(entries);
  const names = entries.filter(({ ph, name }) => ph === 'M' && name === 'thread_name').map(({ args }) => args?.name);
  expect(names).toEqual('plans steps transitions validations checkpoints recoveries decisions w0 w1'.split(' '));
  expect(entries.filter(({ cat }) => cat === 'plans').map(({ name }) => name)).toEqual(
    run
      .of('plan.made')
      .map((made) => `g${made.generation}: ${made.K}x${made.R} 1f1b, ${made.frozenLayers} layers frozen`),
  );
  const long = run.of('step').filter(({ K }) => K === 2);
  expect(long.length).toBeGreaterThanOrEqual(6);
  // 16 samples in 8 micro-batches: a forward and a backward of each on every stage.
  expect(entries.filter(({ cat }) => isWork(cat))).toHaveLength(2 * 8 * (12 + long.length));
  // Every micro-batch crosses a border once forward and once backward.
  expect(entries.filter(({ ph }) => ph === 's')).toHaveLength(2 * 8 * long.length);
  for (const { step, pipelineBubble } of long)
    // The event has four digits, the trace whole microseconds of actions that take hundreds.
    expect(Math.abs(idleShare(entries, step) - (pipelineBubble ?? NaN)), `step ${step}`).toBeLessThan(0.01);
});
