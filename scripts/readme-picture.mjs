// Writes docs/workers.svg, the picture of the README, from a run: node scripts/readme-picture.mjs RUN. Run `npm run
// build` first.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReportData } from '#dist/cli/report/report-data.js';
import { workersChart } from '#dist/cli/report/report-sections.js';
import { REPORT_STYLE } from '#dist/cli/report/report-style.js';
import { EventFile } from '#dist/engine/events/event-file.js';

const [run] = process.argv.slice(2);
if (run === undefined) {
  console.error('usage: node scripts/readme-picture.mjs RUN');
  process.exit(2);
}
const chart = workersChart(new ReportData(new EventFile(join(run, 'events.jsonl'))));
if (chart === null) throw new Error(`${run} has no steps to draw`);
// The style sheet comes along; a page of its own has nothing else to give colours.
const picture = chart.text
  .replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
  .replace(
    '>',
    `>${REPORT_STYLE.text.replace('svg { display: block; width: 100%; min-width: 560px; height: auto;', 'svg {')}`,
  );
writeFileSync(new URL('../docs/workers.svg', import.meta.url), `${picture}\n`);
