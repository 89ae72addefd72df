// Markdown: a run in a page of tables, for an issue or a pull request.
import { eventsOf } from '../../../engine/events/summary.js';
import { millis, number, percent } from '../../text/format.js';
import { resultRows } from '../../text/results.js';
import type { RecordedRun, ReportFormat } from './format.js';

/** Rows of a table at most; the others are counted. */
const MOST_ROWS = 50;

export const markdown: ReportFormat = {
  name: 'markdown',
  summary: 'results, validations, plans and freezes as tables',
  file: () => 'report.md',
  *write(run) {
    const { summary } = run;
    yield `# ${plain(summary.model ?? '?')} on ${plain(summary.data ?? '?')}\n\n`;
    yield `pipetrain ${summary.version ?? '?'}, seed ${summary.seed ?? '?'}, ${plain(summary.machine ?? '?')}\n`;
    yield table('Results', ['', ''], resultRows(summary));
    yield table(
      'Validations',
      ['after step', 'epoch', 'loss', summary.metric?.name ?? 'metric'],
      run.evaluations.map(({ step, epoch, loss, metric }) => [
        String(step),
        number(epoch),
        number(loss),
        number(metric),
      ]),
    );
    yield table(
      'Plans',
      ['plan', 'K x R', 'schedule', 'frozen layers', 'predicted step', 'predicted bubble', 'why'],
      plans(run),
    );
    yield table('Freezes', ['after step', 'policy', 'layers', 'why'], freezes(run));
  },
};

const plans = ({ events }: RecordedRun): string[][] =>
  eventsOf(events, 'plan.made').map((plan) => [
    `g${plan.generation}`,
    `${plan.K} x ${plan.R}`,
    plan.schedule,
    String(plan.frozenLayers),
    millis(plan.predictedStepMs),
    percent(plan.predictedBubble),
    plan.reason,
  ]);

const freezes = ({ events }: RecordedRun): string[][] =>
  eventsOf(events, 'freeze.decided')
    .filter(({ fromLayers, toLayers }) => fromLayers !== toLayers)
    .map(({ step, policy, fromLayers, toLayers, reason }) => [
      String(step),
      policy,
      `${fromLayers} -> ${toLayers}`,
      reason,
    ]);

/** Nothing where there are no rows. */
function table(title: string, heading: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(' | ')} |\n`;
  const left = rows.length - MOST_ROWS;
  return (
    `\n## ${title}\n\n${line(heading)}${line(heading.map(() => '---'))}` +
    rows.slice(0, MOST_ROWS).map(line).join('') +
    (left > 0 ? `\nand ${left} more\n` : '')
  );
}

/** Text that is taken for nothing else, whatever a name has in it. */
const plain = (text: string): string => text.replace(/\s+/g, ' ').replace(/[\\`*_[\]<>|#]/g, '\\$&');
