// Sections of the report: one function per section, each from events to HTML, each null where the run has nothing to
// show. The page around them is report.ts.
import type { RunEvent } from '../../engine/events/events.js';
import { effectiveEvaluations, effectiveSteps, eventsOf, summarize } from '../../engine/events/summary.js';
import { type PlanMade, tell } from '../text/decisions.js';
import { bytes, duration, millis, number, percent, range } from '../text/format.js';
import {
  escapeText,
  type GanttBar,
  ganttChart,
  type GanttRow,
  lineChart,
  PALETTE_SIZE,
  type Series,
  thin,
} from './charts.js';

type StepEvent = Extract<RunEvent, { type: 'step' }>;

/** Points per curve; more cannot be told apart on a screen. */
const CURVE_POINTS = 600;

/** A titled card. */
export const card = (title: string, lead: string, body: string): string =>
  `<section><h2>${escapeText(title)}</h2>${lead === '' ? '' : `<p>${escapeText(lead)}</p>`}${body}</section>`;

/** Against the number of steps done, as validations and transitions count them. */
const curve = (steps: readonly StepEvent[], of: (step: StepEvent) => number): (readonly [number, number])[] =>
  thin(
    steps.map((step) => [step.step + 1, of(step)] as const),
    CURVE_POINTS,
  );

const transitionMarkers = (events: readonly RunEvent[]): { x: number; title: string }[] =>
  eventsOf(events, 'transition').map((event) => ({ x: event.step, title: tell(event, null)?.headline ?? '' }));

/** Exponential mean that starts unbiased; `span` is about how many values it looks back. */
export function smooth(values: readonly number[], span: number): number[] {
  const keep = 1 - 1 / Math.max(1, span);
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    [sum, weight] = [keep * sum + value, keep * weight + 1];
    return sum / weight;
  });
}

export function lossSection(events: readonly RunEvent[]): string | null {
  const steps = effectiveSteps(events);
  if (steps.length === 0) return null;
  const smoothed = smooth(
    steps.map(({ loss }) => loss),
    steps.length / 40,
  );
  const series: Series[] = [
    { name: 'every step', points: curve(steps, ({ loss }) => loss), colour: 0, style: 'faint' },
    {
      name: 'smoothed',
      points: thin(
        steps.map(({ step }, i) => [step + 1, smoothed[i] as number] as const),
        CURVE_POINTS,
      ),
      colour: 0,
      style: 'line',
    },
  ];
  const evaluations = eventsOf(events, 'evaluation');
  if (evaluations.length > 0)
    series.push({
      name: 'validation',
      points: evaluations.map(({ step, loss }) => [step, loss] as const),
      colour: 1,
      style: 'dots',
    });
  return card(
    'Loss',
    '',
    lineChart({ label: 'Loss by step', xLabel: 'step', series, markers: transitionMarkers(events) }),
  );
}

export function metricSection(events: readonly RunEvent[]): string | null {
  const evaluations = effectiveEvaluations(events);
  const name = evaluations.at(-1)?.metricName;
  // One point is a number, not a curve; and a metric that is the loss is drawn above already.
  if (name === undefined || evaluations.length < 2 || name === 'loss') return null;
  const points = evaluations.map(({ step, metric }) => [step, metric] as const);
  return card(
    `Validation ${name}`,
    '',
    lineChart({
      label: `${name} by step`,
      xLabel: 'step',
      series: [{ name, points, colour: 2, style: 'dots' }],
      markers: transitionMarkers(events),
    }) +
      lineChart({
        label: `${name} by wall clock`,
        xLabel: 'seconds',
        series: [
          {
            name: `${name} by time`,
            points: evaluations.map(({ time, metric }) => [time, metric] as const),
            colour: 2,
            style: 'dots',
          },
        ],
        markers: [],
      }),
  );
}

export function throughputSection(events: readonly RunEvent[]): string | null {
  const steps = effectiveSteps(events).filter(({ seconds }) => seconds > 0);
  if (steps.length < 2) return null;
  const rate = curve(steps, ({ samples, seconds }) => samples / seconds);
  return card(
    'Throughput',
    'Samples per second inside steps; validation, checkpoints and transitions are not counted.',
    lineChart({
      label: 'Samples per second by step',
      xLabel: 'step',
      series: [{ name: 'samples per second', points: rate, colour: 3, style: 'line' }],
      markers: transitionMarkers(events),
      include: [0],
    }),
  );
}

export function frozenSection(events: readonly RunEvent[]): string | null {
  const steps = effectiveSteps(events);
  if (!steps.some(({ frozen, cacheHits }) => frozen > 0 || cacheHits > 0)) return null;
  const numBlocks = eventsOf(events, 'run.started').at(-1)?.blocks.length ?? 1;
  const series: Series[] = [
    { name: 'blocks frozen', points: curve(steps, ({ frozen }) => frozen / numBlocks), colour: 4, style: 'steps' },
  ];
  if (steps.some(({ cacheHits, cacheMisses }) => cacheHits + cacheMisses > 0))
    series.push({
      name: 'cache hits',
      points: curve(steps, ({ cacheHits, cacheMisses }) =>
        cacheHits + cacheMisses > 0 ? cacheHits / (cacheHits + cacheMisses) : 0,
      ),
      colour: 5,
      style: 'line',
    });
  return card(
    'Frozen depth and cache',
    `Share of the ${numBlocks} blocks that no longer train, and of the samples whose frozen part was read ` +
      'instead of computed.',
    lineChart({
      label: 'Share of blocks frozen and of cache hits, by step',
      xLabel: 'step',
      series,
      markers: transitionMarkers(events),
      include: [0, 1],
      format: percent,
    }),
  );
}

/** From when to when each plan was in force, in seconds. */
export function planSpans(
  events: readonly RunEvent[],
): { readonly plan: PlanMade; readonly from: number; readonly to: number; readonly step: number }[] {
  const transitions = new Map(eventsOf(events, 'transition').map((event) => [event.generation, event]));
  const plans = eventsOf(events, 'plan.made');
  // Measurements after the training (the breakdown) run under shapes of their own.
  const end =
    events.findLast(({ type }) => type === 'step' || type === 'evaluation' || type === 'transition')?.time ??
    events.at(-1)?.time ??
    0;
  return plans.map((plan, index) => {
    const next = plans[index + 1];
    const leaving = next === undefined ? undefined : transitions.get(next.generation);
    const from = Math.max(plan.time, transitions.get(plan.generation)?.time ?? 0);
    const to = next === undefined ? end : leaving === undefined ? next.time : leaving.time - leaving.seconds;
    return { plan, from, to: Math.max(from, to), step: transitions.get(plan.generation)?.step ?? 0 };
  });
}

/** The drawing of who did what when, or null where there was no plan. */
export function workersChart(events: readonly RunEvent[]): string | null {
  const spans = planSpans(events);
  if (spans.length === 0) return null;
  const lost = new Map(eventsOf(events, 'worker.lost').map(({ worker, time }) => [worker, time]));
  const names = new Set([
    ...eventsOf(events, 'worker.joined').map(({ worker }) => worker),
    ...spans.flatMap(({ plan }) => plan.stages.map(({ worker }) => worker)),
  ]);
  const rows = [...names].map((worker): GanttRow => {
    const endedAt = lost.get(worker);
    const bars = spans.flatMap(({ plan, from, to: planEnd }): GanttBar[] => {
      const to = Math.min(planEnd, endedAt ?? Infinity);
      if (to <= from) return [];
      const own = plan.stages.filter((stage) => stage.worker === worker);
      const [seat] = own;
      if (seat === undefined)
        return [{ from, to, text: 'idle', title: `${worker} is idle in plan g${plan.generation}`, colour: null }];
      const stages = own.map(({ stage }) => stage).join('+');
      const blocks = own.map(({ from: first, to: end }) => range(first, end)).join(', ');
      const text = `replica ${seat.replica} stage ${stages}: blocks ${blocks}`;
      const short = `r${seat.replica} s${stages}: ${blocks}`;
      const isRoomy = (to - from) / Math.max(1e-9, events.at(-1)?.time ?? 1) > 0.3;
      return [
        {
          from,
          to,
          text: isRoomy ? text : short,
          title: `${worker}, plan g${plan.generation}: ${text}`,
          colour: seat.replica % PALETTE_SIZE,
        },
      ];
    });
    return { label: worker, bars, ...(endedAt === undefined ? {} : { endedAt }) };
  });
  const markers = eventsOf(events, 'transition').map((event) => ({
    x: event.time,
    title: tell(event, null)?.headline ?? '',
  }));
  return ganttChart({ label: 'Plans by worker over time', xLabel: 'seconds', rows, markers });
}

/** The most memory of each worker; empty where no step says it. */
function memoryTable(events: readonly RunEvent[]): string {
  const peaks = Object.entries(summarize(events).peakMemory);
  if (peaks.length === 0) return '';
  const rows = peaks.map(([worker, size]) => row([[escapeText(worker)], [bytes(size), 'n']]));
  return (
    '<details><summary>peak memory by ' +
    `worker</summary><table>${row([['worker'], ['peak memory', 'n']], 'th')}${rows.join('')}</table></details>`
  );
}

export function workersSection(events: readonly RunEvent[]): string | null {
  const chart = workersChart(events);
  return chart === null
    ? null
    : card(
        'Workers over time',
        'One row per worker, one colour per replica: which stage it ran and which blocks it trained, under every plan.',
        `${chart}${memoryTable(events)}`,
      );
}

const element = (tag: string, className: string, content: string): string =>
  `<${tag}${className === '' ? '' : ` class="${className}"`}>${content}</${tag}>`;

const row = (cells: readonly (readonly [text: string, className?: string])[], tag = 'td', rowClass = ''): string =>
  element('tr', rowClass, cells.map(([text, className = '']) => element(tag, className, text)).join(''));

const median = (values: readonly number[]): number | null =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;

export function plansSection(events: readonly RunEvent[]): string | null {
  const spans = planSpans(events);
  if (spans.length === 0) return null;
  const steps = effectiveSteps(events);
  const rows = spans.map(({ plan, step }) => {
    const own = steps.filter(({ generation }) => generation === plan.generation);
    const measured = median(own.map(({ seconds }) => seconds * 1000));
    const bubble = median(own.map(({ pipelineBubble, bubbleShare }) => pipelineBubble ?? bubbleShare));
    const facts = row(
      [
        [`g${plan.generation}`],
        [String(step), 'n'],
        [`${plan.K} x ${plan.R}`, 'n'],
        [escapeText(plan.schedule)],
        [`${plan.frozenLayers}`, 'n'],
        [`${millis(plan.predictedStepMs)}`, 'n'],
        [measured === null ? '-' : millis(measured), 'n'],
        [percent(plan.predictedBubble), 'n'],
        [bubble === null ? '-' : percent(bubble), 'n'],
      ],
      'td',
      'joined',
    );
    return `${facts}<tr><td></td><td class="note" colspan="8">${escapeText(plan.reason)}</td></tr>`;
  });
  const head = row(
    [
      ['plan'],
      ['from step', 'n'],
      ['K x R', 'n'],
      ['schedule'],
      ['frozen layers', 'n'],
      ['step, predicted', 'n'],
      ['measured', 'n'],
      ['bubble, predicted', 'n'],
      ['measured', 'n'],
    ],
    'th',
  );
  const grids = spans
    .filter(({ plan }) => plan.grid.trim() !== '')
    .map(
      ({ plan }) =>
        `<details><summary>schedule of g${plan.generation}</summary><pre>${escapeText(plan.grid)}</pre></details>`,
    );
  return card(
    'Plans',
    'Measured values are medians over the steps of the plan.',
    `<table>${head}${rows.join('')}</table>${grids.join('')}`,
  );
}

export function breakdownSection(events: readonly RunEvent[]): string | null {
  const breakdown = eventsOf(events, 'breakdown').at(-1);
  if (breakdown === undefined || breakdown.rows.length === 0) return null;
  const best = Math.max(...breakdown.rows.map(({ speedup }) => speedup));
  const rows = breakdown.rows.map(({ name, K, R, stepMs, speedup }) =>
    row([
      [escapeText(name)],
      [`${K} x ${R}`, 'n'],
      [millis(stepMs), 'n'],
      [`${speedup.toFixed(2)}x`, 'n'],
      [
        `<div class="track"><div class="fill c2" style="width:${((speedup / best) * 100).toFixed(1)}%"></div></div>`,
        'wide',
      ],
    ]),
  );
  const head = row([['configuration'], ['K x R', 'n'], ['step time', 'n'], ['speed-up', 'n'], ['']], 'th');
  return card('What each part brings', breakdown.note, `<table>${head}${rows.join('')}</table>`);
}

export function transitionsSection(events: readonly RunEvent[]): string | null {
  const transitions = eventsOf(events, 'transition');
  if (transitions.length === 0) return null;
  const typical = median(effectiveSteps(events).map(({ seconds }) => seconds));
  const rows = transitions.map(({ step, generation, from, to, frozen, seconds, movedBytes }) =>
    row([
      [`g${generation}`],
      [String(step), 'n'],
      [`${from.K} x ${from.R} → ${to.K} x ${to.R}`, 'n'],
      [String(frozen), 'n'],
      [duration(seconds), 'n'],
      [typical === null || typical <= 0 ? '-' : number(seconds / typical, 2), 'n'],
      [`${number(movedBytes / 1e6, 3)} MB`, 'n'],
    ]),
  );
  const head = row(
    [
      ['to plan'],
      ['step', 'n'],
      ['K x R', 'n'],
      ['blocks frozen', 'n'],
      ['cost', 'n'],
      ['in steps', 'n'],
      ['state moved', 'n'],
    ],
    'th',
  );
  return card(
    'Transitions',
    'What changing the shape cost. "In steps" compares it with the median step of the run.',
    `<table>${head}${rows.join('')}</table>`,
  );
}

/** Everything that was decided or went wrong, in order. */
export function storySection(events: readonly RunEvent[]): string | null {
  const items: string[] = [];
  let before: PlanMade | null = null;
  for (const event of events) {
    const story =
      event.type === 'run.started' || event.type === 'checkpoint.saved' || event.type === 'evaluation'
        ? null
        : tell(event, before);
    if (event.type === 'plan.made') before = event;
    if (story === null) continue;
    const details = story.details.map((detail) => `<p>${escapeText(detail)}</p>`).join('');
    const told = `<div><b>${escapeText(story.headline)}</b>${details}</div>`;
    items.push(element('li', story.tone, `<time>${escapeText(duration(event.time))}</time>${told}`));
  }
  return items.length === 0 ? null : card('What happened', '', `<ol>${items.join('')}</ol>`);
}

export function samplesSection(events: readonly RunEvent[]): string | null {
  const samples = eventsOf(events, 'sample');
  if (samples.length === 0) return null;
  return card(
    'Sample',
    'What the model writes after the prompt in bold.',
    samples.map(({ prompt, text }) => `<pre><b>${escapeText(prompt)}</b>${escapeText(text)}</pre>`).join(''),
  );
}
