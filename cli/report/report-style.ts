// The style sheet of the report: light and dark by the reader's setting, no fonts or images from anywhere.

import { markup } from './markup.js';

export const REPORT_STYLE = markup`<style>
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #16181d; --soft: #5c6370; --rule: #e3e6eb;
  --mark: #a3a9b5; --c0: #2563eb; --c1: #d97706; --c2: #0f9d6c; --c3: #9333ea; --c4: #dc2b50; --c5: #0e8ba8;
  --idle: #e3e6eb; --on-bar: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --page: #101216; --card: #181b21; --ink: #e8eaee; --soft: #9aa2b1;
  --rule: #2a2f38; --mark: #6a7282; --c0: #6f9dfb; --c1: #eda54a; --c2: #45c795; --c3: #b98af5; --c4: #f2708d;
  --c5: #4dbdd6; --idle: #2a2f38; --on-bar: #101216; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 0 0 4px; }
.sub { color: var(--soft); margin: 0; overflow-wrap: anywhere; }
.badge { display: inline-block; font-size: 12px; font-weight: 600; padding: 2px 10px; border-radius: 99px;
  border: 1px solid currentColor; vertical-align: 5px; margin-left: 8px; color: var(--c2); }
.badge.bad { color: var(--c4); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 24px 0; }
@media (max-width: 760px) { .tiles { grid-template-columns: repeat(2, 1fr); } }
.tile, section { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; }
.tile { padding: 12px 16px; }
.tile b { display: block; font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums;
  letter-spacing: -0.01em; }
.tile span { color: var(--soft); font-size: 13px; }
section { padding: 18px 20px; margin: 16px 0; overflow-x: auto; }
section > p { margin: 0 0 10px; color: var(--soft); max-width: 75ch; }
svg { display: block; width: 100%; min-width: 560px; height: auto; font: 11.5px system-ui, sans-serif; }
.grid { stroke: var(--rule); } .marker { stroke: var(--mark); stroke-dasharray: 3 4; }
.tick, .axis { fill: var(--soft); font-variant-numeric: tabular-nums; } .row { fill: var(--ink); font-weight: 600; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.faint { stroke-width: 1; opacity: 0.35; }
.line.thin { stroke-width: 1.2; }
.bar-text { fill: var(--on-bar); font-weight: 550; }
.lost { fill: var(--c4); font-size: 18px; font-weight: 700; }
rect.idle { fill: var(--idle); }
${[0, 1, 2, 3, 4, 5]
  .map(
    (i) =>
      `path.c${i} { stroke: var(--c${i}); } rect.c${i}, circle.c${i} { fill: var(--c${i}); } i.c${i} { background: ` +
      `var(--c${i}); } .fill.c${i} { background: var(--c${i}); }`,
  )
  .join('\n')}
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: 13px; margin-top: 4px; }
.key { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: 4px; }
.key.faint { opacity: 0.4; }
.key.mark { background: var(--mark); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12.5px; white-space: nowrap; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
tr:last-child td, tr.joined td { border-bottom: 0; }
td.note { color: var(--soft); padding-top: 0; }
.n { text-align: right; white-space: nowrap; }
.wide { min-width: 200px; }
.track { background: var(--rule); border-radius: 4px; height: 12px; min-width: 120px; margin-top: 4px; }
.fill { border-radius: 4px; height: 12px; }
ol { list-style: none; margin: 8px 0 0; padding: 0; }
li { display: grid; grid-template-columns: 76px 1fr; gap: 12px; padding: 7px 0;
  border-bottom: 1px solid var(--rule); }
li:last-child { border: 0; }
li time { color: var(--soft); font-variant-numeric: tabular-nums; text-align: right; }
li p { margin: 0; color: var(--soft); font-size: 13.5px; overflow-wrap: anywhere; }
li.bad > div > b { color: var(--c4); }
li.good > div > b { color: var(--c2); }
li b { font-weight: 600; overflow-wrap: anywhere; }
pre { margin: 8px 0 0; font: 12.5px/1.45 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-x: auto; }
summary { cursor: pointer; font-weight: 600; }
code { font: 12.5px ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
</style>`;
