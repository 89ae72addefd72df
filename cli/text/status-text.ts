// The status of a run as text. What comes from others (names, hosts, reasons) is shown with control characters made
// visible.
import type { RunStatus } from '../../engine/status/run-status.js';
import { bytes, count, duration, number, plural, quote, wrap } from './format.js';
import { textColumns } from './text-columns.js';

/** Two blocks: the run, and its workers as a table. Ends with a line break. */
export function statusText(status: RunStatus, width: number): string {
  const { state, note, model, data, steps, stepsPlanned, loss, samplesPerSecond, plan, workers } = status;
  const rows = [
    ['run', `${state}${note === null ? '' : `: ${note}`}`],
    ['model', model === null ? '-' : `${model} on ${data ?? '-'}`],
    [
      'step',
      count(steps) +
        (stepsPlanned === null ? '' : ` of ${count(stepsPlanned)}`) +
        (loss === null ? '' : `, loss ${number(loss)}`) +
        (samplesPerSecond === null ? '' : `, ${number(samplesPerSecond)} samples/s`),
    ],
    [
      'plan',
      plan === null
        ? '-'
        : `g${plan.generation}: ${plural(plan.K, 'stage')} x ${plural(plan.R, 'replica')}, ${plan.schedule}, ` +
          `${plan.frozen} of ${plural(plan.blocks, 'block')} frozen${plan.usesCache ? ', cached' : ''}`,
    ],
  ];
  const lines = rows.flatMap(([name = '', text = '']) =>
    wrap(' '.repeat(7) + safe(text), width, 7).map((line, index) =>
      index === 0 ? name.padEnd(7) + line.slice(7) : line,
    ),
  );
  if (workers.length === 0) return `${lines.join('\n')}\n`;
  const table = textColumns(
    [
      ['worker', 'state', 'device', 'host', 'pid', 'heard', 'peak', 'name'],
      ...workers.map(({ worker, state: now, device, host, pid, heardSeconds, peakBytes, name }) =>
        [
          worker,
          now,
          device ?? '-',
          host ?? '-',
          String(pid),
          heardSeconds === null ? '-' : `${duration(heardSeconds)} ago`,
          peakBytes === null ? '-' : bytes(peakBytes),
          name ?? '-',
        ].map(safe),
      ),
    ],
    width,
  );
  return `${[...lines, '', ...table].join('\n')}\n`;
}

const safe = (text: string): string => quote(text.replaceAll('\n', ' '), text.length + 1).join('');
