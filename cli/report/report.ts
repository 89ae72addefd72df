// The report: a run as one static HTML page, without scripts and without anything from the network. A pure function of
// the events and the configuration text: the same input gives the same bytes.
import type { Summary } from '../../engine/events/summary.js';
import { bytes, count, duration, millis, number, percent } from '../text/format.js';
import { type Markup, markup } from './markup.js';
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

/** Nothing is run, and nothing is fetched; colours and sizes stand in the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

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
    sections.unshift(
      card('No step was completed', 'The run ended before its first step; what happened is below.', markup``),
    );
  const title = summary.model === null ? 'Run' : `${summary.model} on ${summary.data ?? '?'}`;
  const machine = summary.machine ?? 'unknown machine';
  const badge = summary.status === 'finished' ? 'badge' : 'badge bad';
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${title} - pipetrain</title>${REPORT_STYLE}</head>
<body><main>
<h1>${title}<span class="${badge}">${summary.status}</span></h1>
<p class="sub">pipetrain ${summary.version ?? '?'} · seed ${summary.seed ?? '?'} · ${machine}</p>
<div class="tiles">${tiles(data).map(
    ([value, label]) => markup`<div class="tile"><b>${value}</b><span>${label}</span></div>`,
  )}</div>
${failure(data)}${sections.map((section, i) => markup`${i === 0 ? '' : '\n'}${section}`)}
${hashes(summary)}
${configText === null ? null : configCard(configText)}
</main></body></html>
`.text;
}

const configCard = (text: string): Markup =>
  card(
    'Configuration',
    'Every setting and where it came from.',
    markup`<details><summary>config.resolved.yaml</summary><pre>${text}</pre></details>`,
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
    ...lossTile(summary),
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
          [
            String(summary.guard.rollbacks),
            `${summary.guard.rollbacks === 1 ? 'freeze' : 'freezes'} rolled back; guard ` +
              duration(summary.guard.seconds),
          ] as [string, string],
        ]),
    ...(summary.failures === 0 ? [] : [[String(summary.failures), 'workers lost and survived'] as [string, string]]),
  ];
}

/** Over the last epoch: the last step alone may be of a few samples that are left over. */
function lossTile({ finalLoss, lastEpoch }: Summary): [value: string, label: string][] {
  if (finalLoss === null || lastEpoch === null || lastEpoch.steps === 1)
    return [[finalLoss === null ? '-' : finalLoss.toFixed(4), 'training loss of the last step']];
  const { loss, samplesOfLastStep: samples } = lastEpoch;
  return [
    [
      loss.toFixed(4),
      `training loss, mean of the last epoch; last step ${finalLoss.toFixed(4)} ` +
        `(${count(samples)} ${samples === 1 ? 'sample' : 'samples'})`,
    ],
  ];
}

function memoryTile({ peakMemory, peakTogether }: Summary): [value: string, label: string][] {
  const sizes = Object.values(peakMemory);
  if (sizes.length === 0) return [];
  return [
    [bytes(Math.max(...sizes)), `peak memory of a worker; all ${count(sizes.length)} together ` + bytes(peakTogether)],
  ];
}

/** Median step time in ms under the first and the last plan, or null where there was one plan. */
function stepTimes({ generations, medians }: ReportData): { readonly first: number; readonly last: number } | null {
  if (generations === null || generations.first === generations.last) return null;
  const median = (generation: number): number => medians.get(generation)?.milliseconds.value ?? 0;
  return { first: median(generations.first), last: median(generations.last) };
}

function failure(data: ReportData): Markup | null {
  const failed = data.of('run.failed').at(-1);
  return failed === undefined ? null : card(`The run failed: ${failed.code}`, failed.message, markup``);
}

function hashes({ weightsSha256, lossSha256 }: Summary): Markup | null {
  if (weightsSha256 === null || lossSha256 === null) return null;
  const line = (label: string, hash: string): Markup => markup`<tr><td>${label}</td><td><code>${hash}</code></td></tr>`;
  return card(
    'Fingerprints',
    'Two runs with equal fingerprints computed the same bits: every weight, and the loss of every step.',
    markup`<table>${line('weights', weightsSha256)}${line('losses', lossSha256)}</table>`,
  );
}
