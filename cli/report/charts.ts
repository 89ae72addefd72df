// Charts: line charts and Gantt charts as SVG text. Static, sized by CSS, coloured by classes, so that one drawing
// serves a light and a dark page. It knows nothing of runs.

import { type Markup, markup } from './markup.js';

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Index into the palette. */
  readonly colour: number;
  /**
   * `faint` is a thin line behind another one; `steps` holds a value until the next point; `dots` marks every point.
   */
  readonly style: 'line' | 'faint' | 'steps' | 'dots';
}

export interface LineChart {
  /** Read aloud by screen readers. */
  readonly label: string;
  readonly xLabel: string;
  readonly series: readonly Series[];
  /** Vertical lines: something happened here. */
  readonly markers?: readonly { readonly x: number; readonly title: string }[];
  /** Values the axis must reach. */
  readonly include?: readonly number[];
  readonly format?: (y: number) => string;
}

export interface GanttBar {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly title: string;
  /** Null draws an idle bar. */
  readonly colour: number | null;
}

export interface GanttRow {
  readonly label: string;
  readonly bars: readonly GanttBar[];
  /** Where the row ends early. */
  readonly endedAt?: number;
}

export interface GanttChart {
  readonly label: string;
  readonly xLabel: string;
  readonly rows: readonly GanttRow[];
  readonly markers?: readonly { readonly x: number; readonly title: string }[];
}

const WIDTH = 960;
const LEFT = 64;
const RIGHT = 16;
const TOP = 12;
const AXIS = 40;

/** Number of colours in the palette of the style sheet. */
export const PALETTE_SIZE = 6;

const at = (value: number): string => String(Math.round(value * 100) / 100);

/** Round values (1, 2 or 5 times a power of ten) within [low, high], about `wanted` of them. */
export function niceTicks(low: number, high: number, wanted: number): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Multiples of the step, not repeated sums: 0.1 + 0.2 is no tick.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Axis text without needless digits: 12k, 0.05. */
function tickText(value: number): string {
  if (Math.abs(value) >= 10_000) return `${Number((value / 1000).toPrecision(6))}k`;
  return String(Number(value.toPrecision(6)));
}

interface Scale {
  readonly low: number;
  readonly high: number;
  readonly to: (value: number) => number;
}

function scaleOf(values: readonly number[], from: number, to: number, padding: number): Scale {
  let low = values.reduce((a, b) => Math.min(a, b), Infinity);
  let high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  // Values that a double can hardly tell apart are drawn as one, in the middle.
  if (!(high - low > 1e-12 * Math.max(size, 1e-100))) {
    const margin = 0.05 * (size > 1e-100 ? size : 1);
    [low, high] = [low - margin, high + margin];
  }
  const extra = (high - low) * padding;
  [low, high] = [low - extra, high + extra];
  return { low, high, to: (value) => from + ((value - low) / (high - low)) * (to - from) };
}

/** `place` is where the drawing stands inside another one. */
const svg = (height: number, label: string, body: Markup, place: Markup = markup``): Markup =>
  markup`<svg ${place}viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">${body}</svg>`;

function xAxis(scale: Scale, bottom: number, label: string): Markup {
  const ticks = niceTicks(scale.low, scale.high, 9).map((tick) => {
    const [x, y] = [at(scale.to(tick)), bottom + 16];
    return markup`<text class="tick" x="${x}" y="${y}" text-anchor="middle">${tickText(tick)}</text>`;
  });
  const [x, y] = [WIDTH - RIGHT, bottom + 32];
  return markup`${ticks}<text class="axis" x="${x}" y="${y}" text-anchor="end">${label}</text>`;
}

const markerLines = (markers: LineChart['markers'], scale: Scale, bottom: number): Markup[] =>
  (markers ?? []).map(({ x: value, title }) => {
    const x = at(scale.to(value));
    return markup`<line class="marker" x1="${x}" x2="${x}" y1="${TOP}" y2="${bottom}"><title>${title}</title></line>`;
  });

/** A chart of one or more series over a common axis, with its legend. Points that are not finite are left out. */
export function lineChart(chart: LineChart): Markup {
  const legend = chart.series.map(({ name, colour, style }) => {
    const key = `key c${colour % PALETTE_SIZE}${style === 'faint' ? ' faint' : ''}`;
    return markup`<span><i class="${key}"></i>${name}</span>`;
  });
  if ((chart.markers ?? []).length > 0) legend.push(markup`<span><i class="key mark"></i>the plan changes</span>`);
  return markup`${lineDrawing(chart)}<div class="legend">${legend}</div>`;
}

/** The drawing alone, as one svg element; `place` is where it stands inside another one. */
export function lineDrawing(chart: LineChart, place?: Markup): Markup {
  const height = 260;
  const bottom = height - AXIS;
  const series = chart.series.map((one) => ({
    ...one,
    points: one.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)),
  }));
  const all = series.flatMap(({ points }) => points);
  const x = scaleOf([0, ...all.map(([value]) => value)], LEFT, WIDTH - RIGHT, 0);
  const y = scaleOf([...all.map(([, value]) => value), ...(chart.include ?? [])], bottom, TOP, 0.04);
  const format = chart.format ?? tickText;
  const grid = niceTicks(y.low, y.high, 5).map((tick) => {
    const height = at(y.to(tick));
    const line = markup`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${height}" y2="${height}"/>`;
    const place = markup`x="${LEFT - 8}" y="${height}" dy="0.32em" text-anchor="end"`;
    return markup`${line}<text class="tick" ${place}>${format(tick)}</text>`;
  });
  const lines = series.map(({ points, colour, style, name }) => {
    if (style === 'dots') {
      const dots = points.map(([px, py]) => {
        const title = markup`<title>${name} ${format(py)} at ${tickText(px)}</title>`;
        const [cx, cy] = [at(x.to(px)), at(y.to(py))];
        return markup`<circle class="dot c${colour % PALETTE_SIZE}" cx="${cx}" cy="${cy}" r="3.5">${title}</circle>`;
      });
      return markup`${path(points, x, y, false, `line thin c${colour % PALETTE_SIZE}`)}${dots}`;
    }
    return path(points, x, y, style === 'steps', `line ${style === 'faint' ? 'faint ' : ''}c${colour % PALETTE_SIZE}`);
  });
  return svg(
    height,
    chart.label,
    markup`${grid}${markerLines(chart.markers, x, bottom)}${lines}${xAxis(x, bottom, chart.xLabel)}`,
    place,
  );
}

function path(points: Series['points'], x: Scale, y: Scale, isStepped: boolean, className: string): Markup {
  if (points.length === 0) return markup``;
  let d = '';
  for (const [index, [px, py]] of points.entries()) {
    const [sx, sy] = [at(x.to(px)), at(y.to(py))];
    d += index === 0 ? `M${sx} ${sy}` : isStepped ? `H${sx}V${sy}` : `L${sx} ${sy}`;
  }
  return markup`<path class="${className}" d="${d}"/>`;
}

/** One row per worker, one bar per span of time. */
export function ganttChart(chart: GanttChart): Markup {
  const rowHeight = 34;
  const bottom = TOP + chart.rows.length * rowHeight + 4;
  const bars = chart.rows.flatMap((row) => row.bars);
  const x = scaleOf([0, ...bars.map(({ to }) => to)], LEFT, WIDTH - RIGHT, 0);
  const rows = chart.rows.map((row, index) => {
    const top = TOP + index * rowHeight;
    const y = top + 15;
    const label = markup`<text class="row" x="${LEFT - 8}" y="${y}" dy="0.32em" text-anchor="end">${row.label}</text>`;
    const end = row.endedAt === undefined ? null : lostMark(at(x.to(row.endedAt)), y);
    return markup`${label}${row.bars.map((bar) => ganttBar(bar, x, top))}${end}`;
  });
  return svg(
    bottom + AXIS,
    chart.label,
    markup`${rows}${markerLines(chart.markers, x, bottom)}${xAxis(x, bottom, chart.xLabel)}`,
  );
}

const lostMark = (x: string, y: number): Markup =>
  markup`<text class="lost" x="${x}" y="${y}" dy="0.35em" text-anchor="middle">✕<title>lost</title></text>`;

function ganttBar({ from, to, text, title, colour }: GanttBar, x: Scale, top: number): Markup {
  const [left, right] = [x.to(from), x.to(to)];
  const width = Math.max(1, right - left - 1);
  // About 6.5 units per character; a text that does not fit stays in the title.
  const shown =
    text.length * 6.5 + 10 <= width
      ? markup`<text class="bar-text" x="${at(left + 6)}" y="${top + 15}" dy="0.32em">${text}</text>`
      : null;
  const kind = colour === null ? 'idle' : `c${colour % PALETTE_SIZE}`;
  const place = markup`x="${at(left)}" y="${top + 2}" width="${at(width)}" height="26" rx="4"`;
  return markup`<g><title>${title}</title><rect class="bar ${kind}" ${place}/>${shown}</g>`;
}
