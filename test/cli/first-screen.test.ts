// docs/first-screen.md is generated; this holds it to what the program understands of the same data and says of it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConsoleView } from '../../cli/console/console.js';
import { dataLine } from '../../cli/text/data-text.js';
import { dataDoubts } from '../../engine/data/data-doubts.js';
import { dataSummarySchema } from '../../engine/data/data-summary.js';
import { openDataset } from '../../engine/data/open-dataset.js';
import { SMALL_DATA } from '../../scripts/lab/small-data.mjs';
import { scratch } from '../scratch.js';
import { fakeOutput } from './fake-io.js';

const PAGE = readFileSync(new URL('../../docs/first-screen.md', import.meta.url), 'utf8');

/** What a data set of the page is understood as, under the name that it has there. */
function summaryOf({ files, data, options }: (typeof SMALL_DATA)[number]) {
  const folder = scratch();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const [kind = '', path = ''] = data.split(':');
  const { summary } = openDataset(Object.keys(files).length === 0 ? data : `${kind}:${join(folder, path)}`, options);
  return dataSummarySchema.parse({ ...summary, source: data });
}

describe('the first screen (node scripts/first-screen.mjs writes the page)', () => {
  test.each(SMALL_DATA.map((small) => [small.data, small] as const))('of %s is the one in the docs', (_, small) => {
    const summary = summaryOf(small);
    const output = fakeOutput();
    const view = new ConsoleView(output);
    view.show({ time: 0, type: 'data.read', ...summary });
    for (const message of dataDoubts(summary)) view.show({ time: 0, type: 'warning', message });
    expect(PAGE).toContain(`...\n${output.text}\`\`\`\n`);
    expect(output.text.split('\n').every((line) => line.length < 80)).toBe(true);
  });

  test('has one line for an evaluation', () => {
    const [csv] = SMALL_DATA;
    expect(dataLine(summaryOf(csv!))).toBe(
      'csv:reviews.csv: reviews.csv with 120 rows below a heading; 2 classes; 10 % of the samples, drawn so that ' +
        'every class keeps its share (splitSeed=1); words, length 16, no text is cut',
    );
  });
});
