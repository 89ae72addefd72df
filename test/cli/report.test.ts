// The report: complete, safe, the same for the same events, and at home without a network.
import { describe, expect, test } from 'vitest';
import { Smoother } from '../../cli/report/curve.js';
import { renderReport as renderData } from '../../cli/report/report.js';
import { ReportData } from '../../cli/report/report-data.js';
import { planSpans } from '../../cli/report/report-sections.js';
import { type RunEvent, runEventSchema } from '../../engine/events/events.js';
import { sampleRun } from '../events/sample-run.js';

const renderReport = (events: readonly RunEvent[], config: string | null): string =>
  renderData(new ReportData(events), config);

test('the sample run is made of valid events', () => {
  for (const event of sampleRun()) expect(runEventSchema.safeParse(event).error?.message).toBeUndefined();
});

describe('the page', () => {
  const events = sampleRun();
  const page = renderReport(events, 'model: gpt # from flag --model\n');

  test('has every section', () => {
    for (const title of [
      'Loss',
      'Workers over time',
      'What each part brings',
      'Validation accuracy',
      'Throughput',
      'Frozen depth and cache',
      'What happened',
      'Plans',
      'Transitions',
      'Sample',
      'Fingerprints',
      'Configuration',
    ])
      expect(page).toContain(`<h2>${title}</h2>`);
    expect(page).toContain('model: gpt # from flag --model');
  });

  test('is a pure function of the events', () => {
    expect(renderReport(sampleRun(), 'model: gpt # from flag --model\n')).toBe(page);
  });

  test('loads nothing and runs nothing', () => {
    expect(page).not.toMatch(/<script|javascript:|https?:|\bsrc=|@import|url\(|\son\w+=/i);
  });

  test('shows texts as texts', () => {
    const hostile = sampleRun().map((event) =>
      event.type === 'run.started' ? { ...event, model: '<img src=x onerror=alert(1)>' } : event,
    );
    const text = renderReport(hostile, '</pre><b>');
    expect(text).not.toContain('<img');
    expect(text).not.toContain('</pre><b>');
    expect(page).toContain('What light &#60;through&#62; yonder window &#38; breaks?');
  });

  test('every element that is opened is closed', () => {
    const open: string[] = [];
    for (const [, slash, name = '', , selfClosed] of page
      .replace(/<style>.*?<\/style>/s, '')
      .matchAll(/<(\/?)([a-z]\w*)([^>]*?)(\/?)>/g)) {
      if (selfClosed === '/' || name === 'meta') continue;
      if (slash === '') open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  test('no number of a drawing is missing', () => {
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('stays small for long runs', () => {
    const step = events.find((event) => event.type === 'step');
    const many = Array.from({ length: 50_000 }, (_, i) => ({
      ...(step as (typeof events)[number]),
      step: i,
      time: i / 10,
    }));
    const long = renderReport([...events.filter(({ type }) => type !== 'step'), ...many] as typeof events, null);
    expect(long.length).toBeLessThan(200_000);
  });
});

test('a page stays small where everything happens thousands of times', () => {
  const events = sampleRun();
  const many = Array.from({ length: 3000 }, () => events)
    .flat()
    .map((event, i) => ({ ...event, time: i }));
  const page = renderReport(many, null);
  expect(page.length).toBeLessThan(5e6);
  expect(page).toMatch(/\d+ events from the middle of the run are not shown/);
});

test('every prefix of a run gives a page: a run may be looked at while it goes on, or have failed anywhere', () => {
  const events = sampleRun();
  for (let end = 0; end <= events.length; end += end < 12 ? 1 : 29)
    expect(renderReport(events.slice(0, end), null)).not.toMatch(/NaN|Infinity|undefined/);
});

test('a plan is in force from the end of its transition to the start of the next one', () => {
  const spans = planSpans(new ReportData(sampleRun()));
  expect(spans.map(({ plan }) => plan.generation)).toEqual([0, 1, 2]);
  for (const [index, span] of spans.entries()) {
    const next = spans[index + 1];
    // Invented transitions take 0.18 s.
    if (next !== undefined) expect(next.from - span.to).toBeCloseTo(0.18, 6);
    expect(span.to).toBeGreaterThan(span.from);
  }
});

test('a lost worker ends its row', () => {
  const events = sampleRun();
  const at = events.findIndex((event) => event.type === 'step' && event.step === 50);
  const lost = { type: 'worker.lost' as const, worker: 'w1', reason: 'it was killed', time: events[at]?.time ?? 0 };
  const page = renderReport([...events.slice(0, at), lost, ...events.slice(at)], null);
  expect(page).toContain('✕');
  expect(page).toContain('worker w1 is lost: it was killed');
  expect(page).toContain('workers lost and survived');
});

test('smoothing keeps a constant and starts at the first value', () => {
  const smooth = (values: readonly number[], span: number): number[] => {
    const smoother = new Smoother(span);
    return values.map((value) => smoother.next(value));
  };
  expect(smooth([2, 2, 2], 10).every((value) => Math.abs(value - 2) < 1e-12)).toBe(true);
  expect(smooth([4, 0], 1)).toEqual([4, 0]);
});
