// The report: a run as one static HTML page, without scripts and without anything from the network. A pure function of
// the events and the configuration text: the same input gives the same bytes.
import type { Summary } from '../../engine/events/summary.js';
import { bytes, count, duration, millis, number, percent } from '../text/format.js';
import { escapeText } from './charts.js';
import type { ReportData } from './report-data.js';
import {
  breakdownSection,
  card,
  frozenSection,
  lossSection,
  metricSection,
  plansSection,
  samplesSection,
  storySection,
  throughputSection,
  transitionsSection,
  workersSection,
} from './report-sections.js';
import { REPORT_STYLE } from './report-style.js';

/** The whole page. */
export function renderReport(data: ReportData, configText: string | null): string {
  const { summary } = data;
  const sections = [
    lossSection,
    workersSection,
    breakdownSection,
    metricSection,
    throughputSection,
    frozenSection,
    storySection,
    plansSection,
    transitionsSection,
    samplesSection,
  ].flatMap((section) => section(data) ?? []);
  if (data.numSteps === 0)
    sections.unshift(card('No step was completed', 'The run ended before its first step; what happened is below.', ''));
  const title = summary.model === null ? 'Run' : `${summary.model} on ${summary.data ?? '?'}`;
  const machine = escapeText(summary.machine ?? 'unknown machine');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)} - pipetrain</title><style>${REPORT_STYLE}</style></head>
<body><main>
<h1>${escapeText(title)}<span class="badge${summary.status === 'finished' ? '' : ' bad'}">${summary.status}</span></h1>
<p class="sub">pipetrain ${escapeText(summary.version ?? '?')} · seed ${summary.seed ?? '?'} · ${machine}</p>
<div class="tiles">${tiles(data)
    .map(([value, label]) => `<div class="tile"><b>${escapeText(value)}</b><span>${escapeText(label)}</span></div>`)
    .join('')}</div>
${failure(data)}${sections.join('\n')}
${hashes(summary)}
${configText === null ? '' : configCard(configText)}
</main></body></html>
`;
}

const configCard = (text: string): string =>
  card(
    'Configuration',
    'Every setting and where it came from.',
    `<details><summary>config.resolved.yaml</summary><pre>${escapeText(text)}</pre></details>`,
  );

/** The numbers at the top. */
function tiles(data: ReportData): [value: string, label: string][] {
  const { summary } = data;
  const looked = summary.cache.hits + summary.cache.misses;
  const speed = stepTimes(data);
  return [
    ...(summary.metric === null
      ? []
      : [[number(summary.metric.value), `validation ${summary.metric.name}`] as [string, string]]),
    ...(summary.timeToAccuracy === null
      ? []
      : [
          [
            summary.timeToAccuracy.seconds === null ? 'not reached' : duration(summary.timeToAccuracy.seconds),
            `time to ${summary.metric?.name ?? 'metric'} ${number(summary.timeToAccuracy.target)}`,
          ] as [string, string],
        ]),
    [summary.finalLoss === null ? '-' : summary.finalLoss.toFixed(4), 'final training loss'],
    [duration(summary.wallSeconds), `${count(summary.steps)} steps, ${count(summary.samplesSeen)} samples`],
    [summary.samplesPerSecond === null ? '-' : number(summary.samplesPerSecond, 3), 'samples per second'],
    ...(speed === null
      ? []
      : [
          [`${millis(speed.first).replace(' ms', '')} → ${millis(speed.last)}`, 'step time, first and last plan'] as [
            string,
            string,
          ],
        ]),
    [
      String(summary.transitions.length),
      summary.transitions.length === 0
        ? 'transitions'
        : `transitions, ${duration(summary.transitions.reduce((sum, { seconds }) => sum + seconds, 0))} in all`,
    ],
    ...(looked === 0
      ? []
      : [[percent(summary.cache.hits / looked), `cache hits, ${bytes(summary.cache.bytes)}`] as [string, string]]),
    [percent(summary.bubbleShare), `bubble; communication ${percent(summary.commShare)}`],
    ...memoryTile(summary),
    ...(summary.guard === null
      ? []
      : [
          [String(summary.guard.rollbacks), `freezes rolled back; guard ${duration(summary.guard.seconds)}`] as [
            string,
            string,
          ],
        ]),
    ...(summary.failures === 0 ? [] : [[String(summary.failures), 'workers lost and survived'] as [string, string]]),
  ];
}

function memoryTile({ peakMemory }: Summary): [value: string, label: string][] {
  const sizes = Object.values(peakMemory);
  if (sizes.length === 0) return [];
  return [
    [
      bytes(Math.max(...sizes)),
      `peak memory of a worker; all ${count(sizes.length)} together ` +
        `${bytes(sizes.reduce((sum, size) => sum + size, 0))}`,
    ],
  ];
}

/** Median step time in ms under the first and the last plan, or null where there was one plan. */
function stepTimes({ generations, medians }: ReportData): { readonly first: number; readonly last: number } | null {
  if (generations === null || generations.first === generations.last) return null;
  const median = (generation: number): number => medians.get(generation)?.milliseconds.value ?? 0;
  return { first: median(generations.first), last: median(generations.last) };
}

function failure(data: ReportData): string {
  const failed = data.of('run.failed').at(-1);
  return failed === undefined ? '' : card(`The run failed: ${failed.code}`, failed.message, '');
}

function hashes({ weightsSha256, lossSha256 }: Summary): string {
  if (weightsSha256 === null || lossSha256 === null) return '';
  const line = (label: string, hash: string): string =>
    `<tr><td>${label}</td><td><code>${escapeText(hash)}</code></td></tr>`;
  return card(
    'Fingerprints',
    'Two runs with equal fingerprints computed the same bits: every weight, and the loss of every step.',
    `<table>${line('weights', weightsSha256)}${line('losses', lossSha256)}</table>`,
  );
}
