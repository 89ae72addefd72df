// The figure of an ablation as one SVG file: bars of the speed-ups, and below them the metric of every row against the
// wall clock. Pure.
import type { Ablation, AblationRow } from '../../engine/ablation/ablation.js';
import { duration, number } from '../text/format.js';
import { lineDrawing, PALETTE_SIZE, type Series } from './charts.js';
import { type Markup, markup } from './markup.js';

const WIDTH = 960;
const LABEL = 200;
const BAR = 14;
const ROW = 44;
const TOP = 54;

const COLOURS = ['#2563eb', '#d97706', '#0f9d6c', '#9333ea', '#dc2b50', '#0e8ba8'];
const STYLE = markup`<style>svg { font: 11.5px system-ui, sans-serif; background: #fff; }
.title { font-size: 15px; font-weight: 600; }
text { fill: #16181d; }
.tick, .axis, .soft { fill: #5c6370; }
.grid { stroke: #e3e6eb; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.faint { stroke-dasharray: 4 4; stroke: #a3a9b5; stroke-width: 1; }
.line.thin { stroke-width: 1.5; }
.wall { opacity: 0.35; }
${COLOURS.map((colour, i) => `path.c${i} { stroke: ${colour}; } rect.c${i}, circle.c${i} { fill: ${colour}; }\n`)}\
path.faint { stroke: #a3a9b5; }</style>`;

/** Seconds and metric of every validation, means over the seeds. */
function meanCurve({ runs }: AblationRow): (readonly [number, number])[] {
  const length = Math.min(...runs.map(({ curve }) => curve.length));
  if (!Number.isFinite(length)) return [];
  return Array.from({ length }, (_, i) => {
    const points = runs.flatMap(({ curve }) => curve.slice(i, i + 1));
    const mean = (axis: 0 | 1): number => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    return [mean(0), mean(1)] as const;
  });
}

function bars(ablation: Ablation): { readonly body: Markup; readonly height: number } {
  const known = ablation.rows
    .flatMap(({ speedup }) => [speedup.wall, speedup.toTarget])
    .filter((value): value is number => value !== null);
  const most = Math.max(1, ...known);
  const scale = (value: number): number => (value / most) * (WIDTH - LABEL - 190);
  const bar = (value: number | null, y: number, className: string, text: string): Markup => {
    if (value === null) return markup`<text class="soft" x="${LABEL}" y="${y + 11}">${text}: -</text>`;
    const place = markup`x="${LABEL}" y="${y}" width="${scale(value).toFixed(1)}" height="${BAR}" rx="2"`;
    const end = (LABEL + scale(value) + 6).toFixed(1);
    const told = markup`${value.toFixed(2)}x<tspan class="soft" dx="5">${text}</tspan>`;
    return markup`<rect class="${className}" ${place}/><text x="${end}" y="${y + 11}">${told}</text>`;
  };
  const body = ablation.rows.map((row, i) => {
    const y = TOP + i * ROW;
    const colour = `c${i % PALETTE_SIZE}`;
    const toTarget = row.secondsToTarget === null ? 'to target' : `to target (${duration(row.secondsToTarget)})`;
    const wallClock = `wall clock (${duration(row.wallSeconds)})`;
    return markup`<text x="${LABEL - 10}" y="${y + 17}" text-anchor="end">${row.title}</text>${[
      bar(row.speedup.toTarget, y, colour, toTarget),
      bar(row.speedup.wall, y + BAR + 3, `${colour} wall`, wallClock),
    ]}`;
  });
  return { body: markup`${body}`, height: TOP + ablation.rows.length * ROW };
}

/** A whole SVG file. */
export function ablationFigure(ablation: Ablation): string {
  const { body, height } = bars(ablation);
  const series = ablation.rows.map((row, i): Series => ({
    name: row.title,
    points: meanCurve(row),
    colour: i,
    style: 'dots',
  }));
  const end = Math.max(1, ...series.flatMap(({ points }) => points.map(([x]) => x)));
  const targets = ablation.rows[0]?.runs.flatMap(({ target }) => (target === null ? [] : [target])) ?? [];
  const target = targets.reduce((sum, value) => sum + value, 0) / targets.length;
  const goal: Series[] =
    targets.length === 0
      ? []
      : [
          {
            name: 'target',
            points: [
              [0, target],
              [end, target],
            ],
            colour: 0,
            style: 'faint',
          },
        ];
  const top = height + 34;
  const curves = lineDrawing(
    {
      label: `${ablation.metricName} against seconds`,
      xLabel: 'seconds of wall clock',
      series: [...series, ...goal],
    },
    markup`x="0" y="${top}" width="${WIDTH}" height="260" `,
  );
  const what = `${ablation.model ?? 'model'} on ${ablation.data ?? 'data'}`;
  const seeds = `${ablation.seeds.length} ${ablation.seeds.length === 1 ? 'seed' : 'seeds'}`;
  const goalText = targets.length === 0 ? '' : `; target ${number(target)}`;
  const box = `0 0 ${WIDTH} ${top + 264}`;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${WIDTH}" role="img" \
aria-label="Ablation: ${what}">${STYLE}
<text class="title" x="16" y="24">${what}</text>\
<text class="soft" x="16" y="42">speed-up over the first row; mean of ${seeds}${goalText}</text>
${body}
<text class="soft" x="16" y="${height + 26}">${ablation.metricName} on the whole validation set, \
colours as above</text>
${curves}
</svg>
`.text;
}
