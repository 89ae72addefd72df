// What freeze-replay and compare say of two things beside each other.
import { describe, expect, test } from 'vitest';
import { compareRuns } from '../../cli/text/compare-runs.js';
import { replayLines } from '../../cli/text/replay-text.js';
import type { FreezeReplay } from '../../engine/freezing/freeze-replay.js';
import { sampleRun } from '../events/sample-run.js';

const decided = (step: number, held?: string): FreezeReplay['run'][number] => ({
  time: step,
  type: 'freeze.decided',
  step,
  policy: 'paper',
  fromLayers: 2,
  toLayers: held === undefined ? 4 : 2,
  toBlocks: 5,
  wantedLayers: 4,
  norms: [],
  reason: 'as it was',
  ...(held === undefined ? {} : { held }),
});
const reason = `freezes 4 of 6 layers (2 before): ${'a long reason '.repeat(20)}ends here`;
const wanted = (step: number) => ({ step, fromLayers: 2, toLayers: 4, reason });

describe('freeze-replay', () => {
  test('tells what the policy wanted from what the guard let through, and every reason whole', () => {
    const lines = replayLines(
      {
        policy: 'paper',
        isOwn: true,
        numLayers: 6,
        decisions: [wanted(48), wanted(72)],
        run: [decided(48, 'the guard still watches'), decided(72)],
      },
      80,
    );
    expect(lines[0]).toMatch(/step +paper wants +the run/);
    expect(lines.filter((line) => /2 -> 4 +held at 2/.test(line))).toHaveLength(1);
    const text = lines.join(' ').replace(/\s+/g, ' ');
    expect(text.match(/ends here/g)).toHaveLength(2);
    expect(text).toContain('2 decisions, all as the run took them; the guard held one of them back.');
    expect(lines.every((line) => line.length <= 80)).toBe(true);
  });

  test('marks what a policy without decisions leaves out', () => {
    const lines = replayLines({ policy: 'none', isOwn: false, numLayers: 6, decisions: [], run: [decided(48)] }, 80);
    expect(lines[1]).toMatch(/^ *48 +- +2 -> 4$/);
  });
});

test('compare sets runs of other lengths against each other by the sample', () => {
  const whole = sampleRun();
  const half = whole.map((event) =>
    event.type === 'run.finished'
      ? { ...event, steps: event.steps / 2, samplesSeen: event.samplesSeen / 2, trainSeconds: event.trainSeconds / 2 }
      : event,
  );
  const text = (a: typeof whole, b: typeof whole): string =>
    compareRuns({ name: 'a', events: a }, { name: 'b', events: b }).lines.join('\n');
  expect(text(whole, whole)).toContain('B took 1.00 times as long as A in steps.');
  expect(text(whole, half)).toContain(
    'A sample took B 1.00 times as long as A in steps; the runs have not equally many.',
  );
});
