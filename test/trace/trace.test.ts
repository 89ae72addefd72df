// Traces: which steps are traced, how times are written, what is read out of them, and what a viewer gets.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clockShifts, type Row } from '../../engine/trace/clock-shifts.js';
import { readTrace, type StepOfPlan } from '../../engine/trace/read-trace.js';
import { stepTimeline } from '../../engine/trace/step-timeline.js';
import { TraceFile } from '../../engine/trace/trace-file.js';
import { packed, type TracedPlan, type TracedStep, unpacked } from '../../engine/trace/trace-line.js';
import { isTraced } from '../../engine/trace/trace-recorder.js';
import { parseAction } from '../../pipeline/action.js';
import { scratch } from '../scratch.js';

const PLAN: TracedPlan = {
  type: 'plan',
  generation: 3,
  seats: { w0: { replica: 0, actions: '0F0 0F1 0B0 0B1' }, w1: { replica: 0, actions: '1F0 1B0 1F1 1B1' } },
};

/** Two stages; every action takes 10 ms, and what crosses takes 1 ms. Milliseconds after the begin of the step. */
const TIMES = {
  w0: [0, 10, 10, 20, 32, 42, 52, 62],
  w1: [11, 21, 21, 31, 31, 41, 41, 51],
};

/** The step, where the clock of w1 is `ahead` milliseconds ahead. */
function step(ahead = 0): TracedStep {
  const at = 1000;
  return {
    type: 'step',
    time: 2,
    step: 7,
    generation: 3,
    micros: 70_000,
    spans: {
      w0: packed(
        TIMES.w0.map((ms) => ms + at),
        at + 70,
      ),
      w1: packed(
        TIMES.w1.map((ms) => ms + at + ahead),
        at + 70,
      ),
    },
    reduceMicros: { w0: 2000, w1: 0 },
  };
}

test('times come back to the microsecond', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1e9, max: 1e9 })), (micros) => {
      expect(
        unpacked(
          packed(
            micros.map((at) => 5 + at / 1000),
            5,
          ),
        ),
      ).toEqual(micros);
    }),
  );
});

describe('the steps of a plan that are traced', () => {
  test('are all of a short one', () => {
    expect(Array.from({ length: 256 }, (_, n) => isTraced(n, 256))).not.toContain(false);
  });

  test('are half as many as before for each doubling of a long one', () => {
    const among = (from: number, to: number): number =>
      Array.from({ length: to - from }, (_, i) => isTraced(from + i, 256)).filter(Boolean).length;
    expect([among(256, 512), among(512, 1024), among(2 ** 15, 2 ** 16)]).toEqual([128, 128, 128]);
  });
});

describe('the timeline of a step', () => {
  test('has every action, the waits between them and for whom, and the exchange', () => {
    const { actions, waits, reduces, moved, span } = stepTimeline({ plan: PLAN, step: step() });
    const begin = 2_000_000 - 70_000;
    expect(span).toEqual({ begin, end: 2_000_000 });
    expect(actions.map(({ worker, name, needs }) => [worker, name, needs?.name ?? null])).toEqual([
      ['w0', '0F0', null],
      ['w0', '0F1', null],
      ['w0', '0B0', '1B0'],
      ['w0', '0B1', '1B1'],
      ['w1', '1F0', '0F0'],
      ['w1', '1B0', null],
      ['w1', '1F1', '0F1'],
      ['w1', '1B1', null],
    ]);
    // 1F1 had its input before the worker was free, and waited for nobody.
    expect(waits.map((wait) => [wait.worker, wait.action, wait.for, wait.begin - begin, wait.end - begin])).toEqual([
      ['w0', '1B0', 'w1', 20_000, 32_000],
      ['w0', '1B1', 'w1', 42_000, 52_000],
      ['w1', '0F0', 'w0', 0, 11_000],
    ]);
    expect(reduces).toEqual([{ worker: 'w0', begin: begin + 62_000, end: begin + 64_000 }]);
    expect(moved).toEqual([]);
  });

  test.each([3_600_000, -86_400_000])('of a machine whose clock is %d ms ahead is the same', (ahead) => {
    const [near, far] = [stepTimeline({ plan: PLAN, step: step() }), stepTimeline({ plan: PLAN, step: step(ahead) })];
    expect(far.moved).toEqual(['w1']);
    // Both ways take 1 ms here, as the middle of what they allow supposes.
    expect(far.actions.map(({ begin, end }) => [begin, end])).toEqual(
      near.actions.map(({ begin, end }) => [begin, end]),
    );
  });

  test('of a machine that hands nothing over begins with the step', () => {
    const alone: Row = { worker: 'w5', replica: 1, actions: [parseAction('0F0'), parseAction('0B0')] };
    expect(clockShifts([alone], new Map([['w5', [9e9, 9e9 + 5, 9e9 + 6, 9e9 + 20]]]), 100).get('w5')).toBe(-100 - 9e9);
  });
});

describe('the file of a trace', () => {
  const read = (path: string): StepOfPlan[] => [...readTrace(path)];
  const written = (...lines: (TracedPlan | TracedStep)[]): string => {
    const path = join(scratch(), 'trace.jsonl');
    const file = new TraceFile(path);
    for (const line of lines) file.append(line);
    file.close();
    return path;
  };

  test('gives back what was appended, also by another process later', () => {
    const path = written(PLAN, step());
    const again = new TraceFile(path);
    again.append({ ...step(), step: 8 });
    again.close();
    expect(read(path)).toEqual([
      { plan: PLAN, step: step() },
      { plan: PLAN, step: { ...step(), step: 8 } },
    ]);
  });

  test('loses a line that was cut, and no other', () => {
    const path = written(PLAN, step());
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20));
    const again = new TraceFile(path);
    again.append({ ...step(), step: 8 });
    again.close();
    expect(read(path).map((one) => one.step.step)).toEqual([8]);
  });

  test('gives no step that does not fit its plan', () => {
    const path = written(PLAN, { ...step(), generation: 4 }, { ...step(), spans: { w0: [1, 2] } });
    appendFileSync(path, 'no line\n');
    expect(read(path)).toEqual([]);
  });

  test('is not made where nothing is traced, and ends where it cannot be written', () => {
    expect(read(written())).toEqual([]);
    const file = new TraceFile(join(scratch(), 'nowhere', 'trace.jsonl'));
    file.append(PLAN);
    file.close();
    expect(file.endedBecause).toMatch(/ENOENT/);
  });
});
