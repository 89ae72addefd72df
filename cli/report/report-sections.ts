// Sections of the report: one function per section, each from events to HTML, each null where the run has nothing to
// show. The page around them is report.ts.
import { type PlanMade, tell } from '../text/decisions.js';
import { bytes, duration, millis, number, percent, range } from '../text/format.js';
import { type GanttBar, ganttChart, type GanttRow, lineChart, PALETTE_SIZE, type Series } from './charts.js';
import { thin } from './curve.js';
import { type Markup, markup } from './markup.js';
import { CURVE_POINTS, type ReportData } from './report-data.js';

/** A titled card. */
export const card = (title: string, lead: string, body: Markup): Markup =>
  markup`<section><h2>${title}</h2>${lead === '' ? null : markup`<p>${lead}</p>`}${body}</section>`;

const transitionMarkers = (data: ReportData): { x: number; title: string }[] =>
  data.of('transition').map((event) => ({ x: event.step, title: tell(event, null)?.headline ?? '' }));

export function lossSection(data: ReportData): Markup | null {
  const { numSteps, curves, evaluations } = data;
  if (numSteps === 0) return null;
  const series: Series[] = [
    { name: 'every step', points: curves.loss.points, colour: 0, style: 'faint' },
    { name: 'smoothed', points: curves.smoothed.points, colour: 0, style: 'line' },
  ];
  if (evaluations.length > 0)
    series.push({
      name: 'validation',
      points: thin(
        evaluations.map(({ step, loss }) => [step, loss] as const),
        CURVE_POINTS,
      ),
      colour: 1,
      style: 'dots',
    });
  return card(
    'Loss',
    '',
    lineChart({ label: 'Loss by step', xLabel: 'step', series, markers: transitionMarkers(data) }),
  );
}

export function metricSection(data: ReportData): Markup | null {
  const { evaluations } = data;
  const name = evaluations.at(-1)?.metricName;
  // One point is a number, not a curve; and a metric that is the loss is drawn above already.
  if (name === undefined || evaluations.length < 2 || name === 'loss') return null;
  const points = thin(
    evaluations.map(({ step, metric }) => [step, metric] as const),
    CURVE_POINTS,
  );
  return card(
    `Validation ${name}`,
    '',
    markup`${[
      lineChart({
        label: `${name} by step`,
        xLabel: 'step',
        series: [{ name, points, colour: 2, style: 'dots' }],
        markers: transitionMarkers(data),
      }),
      lineChart({
        label: `${name} by wall clock`,
        xLabel: 'seconds',
        series: [
          {
            name: `${name} by time`,
            points: thin(
              evaluations.map(({ time, metric }) => [time, metric] as const),
              CURVE_POINTS,
            ),
            colour: 2,
            style: 'dots',
          },
        ],
        markers: [],
      }),
      ...otherMetrics(data, name),
    ]}`,
  );
}

/** The metrics beside the one that the run goes by; the loss has a chart already. */
function otherMetrics({ evaluations }: ReportData, first: string): Markup[] {
  const names = Object.keys(evaluations.at(-1)?.metrics ?? {}).filter((name) => name !== first && name !== 'loss');
  return names.map((name) => {
    const points = thin(
      evaluations.flatMap(({ step, metrics }) =>
        metrics?.[name] === undefined ? [] : [[step, metrics[name]] as const],
      ),
      CURVE_POINTS,
    );
    return lineChart({
      label: `${name} by step`,
      xLabel: 'step',
      series: [{ name, points, colour: 2, style: 'dots' }],
      markers: [],
    });
  });
}

export function throughputSection(data: ReportData): Markup | null {
  if (data.numTimed < 2) return null;
  const rate = data.curves.rate.points;
  return card(
    'Throughput',
    'Samples per second inside steps; validation, checkpoints and transitions are not counted.',
    lineChart({
      label: 'Samples per second by step',
      xLabel: 'step',
      series: [{ name: 'samples per second', points: rate, colour: 3, style: 'line' }],
      markers: transitionMarkers(data),
      include: [0],
    }),
  );
}

export function frozenSection(data: ReportData): Markup | null {
  const { curves, hasFrozen, hasLooked } = data;
  if (!hasFrozen) return null;
  const numBlocks = data.of('run.started').at(-1)?.blocks.length ?? 1;
  const shares = curves.frozen.points.map(([step, frozen]) => [step, frozen / numBlocks] as const);
  const series: Series[] = [{ name: 'blocks frozen', points: shares, colour: 4, style: 'steps' }];
  if (hasLooked) series.push({ name: 'cache hits', points: curves.hits.points, colour: 5, style: 'line' });
  return card(
    'Frozen depth and cache',
    `Share of the ${numBlocks} blocks that no longer train, and of the samples whose frozen part was read ` +
      'instead of computed.',
    lineChart({
      label: 'Share of blocks frozen and of cache hits, by step',
      xLabel: 'step',
      series,
      markers: transitionMarkers(data),
      include: [0, 1],
      format: percent,
    }),
  );
}

/** From when to when each plan was in force, in seconds. */
export function planSpans(
  data: ReportData,
): { readonly plan: PlanMade; readonly from: number; readonly to: number; readonly step: number }[] {
  const transitions = new Map(data.of('transition').map((event) => [event.generation, event]));
  const plans = data.of('plan.made');
  // Measurements after the training (the breakdown) run under shapes of their own.
  const end = data.trainedUntil ?? data.endTime;
  return plans.map((plan, index) => {
    const next = plans[index + 1];
    const leaving = next === undefined ? undefined : transitions.get(next.generation);
    const from = Math.max(plan.time, transitions.get(plan.generation)?.time ?? 0);
    const to = next === undefined ? end : leaving === undefined ? next.time : leaving.time - leaving.seconds;
    return { plan, from, to: Math.max(from, to), step: transitions.get(plan.generation)?.step ?? 0 };
  });
}

/** The drawing of who did what when, or null where there was no plan. */
export function workersChart(data: ReportData): Markup | null {
  const spans = planSpans(data);
  if (spans.length === 0) return null;
  const lost = new Map(data.of('worker.lost').map(({ worker, time }) => [worker, time]));
  const names = new Set([
    ...data.of('worker.joined').map(({ worker }) => worker),
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
      const isRoomy = (to - from) / Math.max(1e-9, data.endTime) > 0.3;
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
  const markers = data.of('transition').map((event) => ({
    x: event.time,
    title: tell(event, null)?.headline ?? '',
  }));
  return ganttChart({ label: 'Plans by worker over time', xLabel: 'seconds', rows, markers });
}

/** The most memory of each worker, or null where no step says it. */
function memoryTable(data: ReportData): Markup | null {
  const peaks = Object.entries(data.summary.peakMemory);
  if (peaks.length === 0) return null;
  const head = row([['worker'], ['peak memory', 'n']], 'th');
  const rows = peaks.map(([worker, size]) => row([[worker], [bytes(size), 'n']]));
  return markup`<details><summary>peak memory by worker</summary><table>${head}${rows}</table></details>`;
}

export function workersSection(data: ReportData): Markup | null {
  const chart = workersChart(data);
  return chart === null
    ? null
    : card(
        'Workers over time',
        'One row per worker, one colour per replica: which stage it ran and which blocks it trained, under every plan.',
        markup`${chart}${memoryTable(data)}`,
      );
}

const classOf = (name: string): Markup | null => (name === '' ? null : markup` class="${name}"`);

type Cell = readonly [content: string | Markup, className?: string];

function row(cells: readonly Cell[], tag: 'td' | 'th' = 'td', rowClass = ''): Markup {
  const shown = cells.map(([content, className = '']) =>
    tag === 'td' ? markup`<td${classOf(className)}>${content}</td>` : markup`<th${classOf(className)}>${content}</th>`,
  );
  return markup`<tr${classOf(rowClass)}>${shown}</tr>`;
}

export function plansSection(data: ReportData): Markup | null {
  const spans = planSpans(data);
  if (spans.length === 0) return null;
  const rows = spans.map(({ plan, step }) => {
    const own = data.medians.get(plan.generation);
    const measured = own?.milliseconds.value ?? null;
    const bubble = own?.bubble.value ?? null;
    const facts = row(
      [
        [`g${plan.generation}`],
        [String(step), 'n'],
        [`${plan.K} x ${plan.R}`, 'n'],
        [plan.schedule],
        [`${plan.frozenLayers}`, 'n'],
        [`${millis(plan.predictedStepMs)}`, 'n'],
        [measured === null ? '-' : millis(measured), 'n'],
        [percent(plan.predictedBubble), 'n'],
        [bubble === null ? '-' : percent(bubble), 'n'],
      ],
      'td',
      'joined',
    );
    return markup`${facts}<tr><td></td><td class="note" colspan="8">${plan.reason}</td></tr>`;
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
        markup`<details><summary>schedule of g${plan.generation}</summary><pre>${plan.grid}</pre></details>`,
    );
  return card(
    'Plans',
    'Measured values are medians over the steps of the plan.',
    markup`<table>${head}${rows}</table>${grids}`,
  );
}

export function breakdownSection(data: ReportData): Markup | null {
  const breakdown = data.of('breakdown').at(-1);
  if (breakdown === undefined || breakdown.rows.length === 0) return null;
  const best = Math.max(...breakdown.rows.map(({ speedup }) => speedup));
  const bar = (speedup: number): Markup => {
    const width = ((speedup / best) * 100).toFixed(1);
    return markup`<div class="track"><div class="fill c2" style="width:${width}%"></div></div>`;
  };
  const rows = breakdown.rows.map(({ name, K, R, stepMs, speedup, isUnchanged = false }) =>
    row([
      [isUnchanged ? `${name} (the plan of the row above)` : name],
      [`${K} x ${R}`, 'n'],
      [millis(stepMs), 'n'],
      [`${speedup.toFixed(2)}x`, 'n'],
      [bar(speedup), 'wide'],
    ]),
  );
  const head = row([['configuration'], ['K x R', 'n'], ['step time', 'n'], ['speed-up', 'n'], ['']], 'th');
  return card('What each part brings', breakdown.note, markup`<table>${head}${rows}</table>`);
}

export function transitionsSection(data: ReportData): Markup | null {
  const transitions = data.of('transition');
  if (transitions.length === 0) return null;
  const typical = data.stepSeconds.value;
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
    markup`<table>${head}${rows}</table>`,
  );
}

const leftOut = ({ numLeftOut }: ReportData): string =>
  numLeftOut === 0 ? '' : `${numLeftOut} events from the middle of the run are not shown; events.jsonl has them.`;

/** What was decided or went wrong, in order. */
export function storySection(data: ReportData): Markup | null {
  const items: Markup[] = [];
  let before: PlanMade | null = null;
  for (const event of data.events) {
    const story = event.type === 'run.started' ? null : tell(event, before);
    if (event.type === 'plan.made') before = event;
    if (story === null) continue;
    const details = story.details.map((detail) => markup`<p>${detail}</p>`);
    const told = markup`<div><b>${story.headline}</b>${details}</div>`;
    items.push(markup`<li${classOf(story.tone)}><time>${duration(event.time)}</time>${told}</li>`);
  }
  return items.length === 0 ? null : card('What happened', leftOut(data), markup`<ol>${items}</ol>`);
}

export function samplesSection(data: ReportData): Markup | null {
  const samples = data.of('sample');
  if (samples.length === 0) return null;
  return card(
    'Sample',
    'What the model writes after the prompt in bold.',
    markup`${samples.map(({ prompt, text }) => markup`<pre><b>${prompt}</b>${text}</pre>`)}`,
  );
}
