// The console view: what stands on a terminal and in a log file.
import { describe, expect, test } from 'vitest';
import { ConsoleView } from '../../cli/console/console.js';
import { advance, startOfProgress } from '../../cli/console/progress.js';
import { statusLine } from '../../cli/console/status-line.js';
import type { RunEvent } from '../../engine/events/events.js';
import { summarize } from '../../engine/events/summary.js';
import { sampleRun } from '../events/sample-run.js';
import { type FakeOutput, fakeOutput } from './fake-io.js';

function play(output: FakeOutput, events = sampleRun()): string {
  const view = new ConsoleView(output);
  for (const event of events) view.show(event);
  view.end(summarize(events), { run: 'runs/x', report: 'runs/x/report.html' });
  return output.text;
}

/**
 * What a terminal shows in the end: a carriage return goes back to the start of the line, and later text covers
 * earlier.
 */
function screen(text: string): string[] {
  return text.split('\n').map((line) => {
    let shown: string[] = [];
    for (const part of line.split('\r')) shown = [...part, ...shown.slice([...part].length)];
    return shown.join('').trimEnd();
  });
}

test('a recovery says where it goes on, and who was started in place of whom', () => {
  const told: RunEvent = { time: 9, type: 'recovered', step: 28, fromStep: 24, lost: ['w1'], workers: 2, seconds: 1 };
  expect(play(fakeOutput({ columns: 200 }), [{ ...told, started: ['w2'] }])).toContain(
    'back to the snapshot after 24 steps, 4 steps are done again; w2 started in place of w1; 2 workers',
  );
  expect(play(fakeOutput({ columns: 200 }), [{ ...told, lost: [] }])).toContain('done again; 2 workers');
});

test('a row of a breakdown with the plan of the row above says so', () => {
  const row = { K: 1, R: 2, stepMs: 9, speedup: 1.1 };
  const rows = [
    { ...row, name: 'nothing frozen' },
    { ...row, name: '+ replicas', isUnchanged: true },
  ];
  const text = play(fakeOutput(), [{ time: 9, type: 'breakdown', rows, note: 'measured' }]);
  expect(text).toMatch(/nothing frozen .*1\.10x +█/);
  expect(text).toMatch(/\+ replicas .*1\.10x +the plan of the row above/);
});

describe('in a file', () => {
  const text = play(fakeOutput());

  test('lines are plain and fit 80 columns', () => {
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\r');
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  test('status lines come every two seconds, not every step', () => {
    const lines = text.split('\n').filter((line) => /^step +\d+\/300/.test(line));
    // 27 seconds of steps, and one line at the end.
    expect(lines.length).toBeGreaterThan(9);
    expect(lines.length).toBeLessThan(18);
    expect(lines.at(-1)).toMatch(/^step 300\/300 loss 1\.\d{4} acc 0\.586 .* 1x2 frozen 4\/6 hits 100% .*eta 0:00$/);
  });

  test('a freeze is told with its numbers, the change of plan, and its cost', () => {
    expect(text).toContain('freeze (paper) at step 100: layers 0-1 frozen (0 -> 2 layers, 5 blocks)');
    expect(text).toContain('why: layers below 2 changed by 0.6 % < 1 %');
    expect(text).toContain('gradient norm by layer: 0.0110 0.0240 0.0800 0.210 0.330 0.410');
    expect(text).toContain('plan g1 2 stages x 1 replica -> g2 1 stage x 2 replicas');
    expect(text).toContain('transition at step 200: 2x1 -> 1x2 in 180 ms, 3.1 MB moved');
    expect(text).toContain('cache on at step 200: outputs of the first 9 blocks');
  });

  test('it ends with results, breakdown, sample and the folder', () => {
    const end = text.slice(text.indexOf('\nresults'));
    expect(end).toMatch(/validation accuracy +0\.5860/);
    expect(end).toMatch(/freezing, elastic, cache +1 x 2 +45 ms +2\.67x +█+/);
    expect(end).toContain('  | ROMEO: What light <through> yonder window & breaks?');
    expect(end.trimEnd().split('\n').slice(-2)).toEqual(['run     runs/x', 'report  runs/x/report.html']);
  });
});

describe('on a terminal', () => {
  test('one status line is redrawn, and never mixes with what is told', () => {
    const text = play(fakeOutput({ isTerminal: true }));
    expect(text).not.toContain('\u001b');
    const lines = screen(text);
    expect(lines.filter((line) => line.startsWith('step '))).toEqual([]);
    expect(lines).toContain('plan g1 2 stages x 1 replica -> g2 1 stage x 2 replicas');
    expect(text).toContain('\rstep ');
  });

  test('colours are used only where they are welcome', () => {
    expect(play(fakeOutput({ isTerminal: true, hasColour: true }))).toContain('\u001b[32mfreeze (paper)');
  });

  test('a narrow one gets narrow lines', () => {
    const lines = screen(play(fakeOutput({ isTerminal: true, columns: 50 })));
    // Names and paths without a space are not broken.
    expect(lines.filter((line) => line.length > 50 && line.trim().includes(' ') && !line.includes('/'))).toEqual([]);
  });

  test('what a model writes cannot steer it', () => {
    const events = sampleRun().map((event) =>
      event.type === 'sample' ? { ...event, text: 'a\u001b[2Jb\u0007' } : event,
    );
    expect(play(fakeOutput({ isTerminal: true }), events)).toContain('ROMEO:a·[2Jb·');
  });
});

describe('the status line', () => {
  const progress = sampleRun()
    .filter(({ time }) => time < 18)
    .reduce(advance, startOfProgress);

  test('fits any width, and keeps step, loss, shape and time to the end', () => {
    for (let columns = 40; columns < 140; columns++) {
      const line = statusLine(progress, columns);
      expect(line.length).toBeLessThanOrEqual(columns);
      if (columns >= 45) expect(line).toMatch(/step \d+\/300 +loss \d\.\d{4}.*2x1.*eta/);
    }
    const parts = ['step 1\\d\\d/300', 'loss 1\\.\\d+', 'acc 0\\.468', '\\d+/s', '2x1', 'frozen 2/6', 'hits \\d+%'];
    const rest = ['bubble 13%', 'mem 120 MB', 'eta 0:\\d\\d'];
    expect(statusLine(progress, 140)).toMatch(new RegExp([...parts, ...rest].join(' {2}')));
  });

  test.each([
    [1234, '1,234/s'],
    [12, '12/s'],
    [3.14, '3.1/s'],
    [0.62, '0.62/s'],
    [0.064, '0.064/s'],
  ])('tells %d samples a second, and never that there are none', (samples, text) => {
    const slow = { ...progress, recent: progress.recent.map((step) => ({ ...step, samples, seconds: 1 })) };
    expect(statusLine(slow, 140)).toContain(`  ${text}  2x1`);
  });

  test('tells tokens of a language model', () => {
    const slow = { ...progress, recent: progress.recent.map((step) => ({ ...step, samples: 0.5, seconds: 1 })) };
    expect(statusLine({ ...slow, tokensPerSample: 256 }, 140)).toContain('  128 tok/s  2x1');
    const events = sampleRun().map((event) =>
      event.type === 'run.started' ? { ...event, tokensPerSample: 64 } : event,
    );
    expect(events.reduce(advance, startOfProgress).tokensPerSample).toBe(64);
    expect(progress.tokensPerSample).toBeNull();
  });

  test('is empty before the first step', () => {
    expect(statusLine(startOfProgress, 80)).toBe('');
  });
});
