// JSON: the summary of a run, its validations, what happened beside its steps, and its steps by columns, as one object.
// JSON has no numbers that are not finite: null stands for them.
import { harmlessJson } from '../../../engine/core/harmless-text.js';
import type { ReportFormat } from './format.js';
import { STEP_COLUMNS, stepRows } from './step-rows.js';

export const json: ReportFormat = {
  name: 'json',
  summary: 'summary, validations, what happened beside the steps, and the steps by columns',
  file: () => 'report.json',
  *write(run) {
    yield `{"summary":${harmlessJson(run.summary)},\n"evaluations":${harmlessJson(run.evaluations)},\n"events":[`;
    let separator = '\n';
    for (const event of run.events) {
      if (event.type === 'step' || event.type === 'evaluation') continue;
      yield `${separator}${harmlessJson(event)}`;
      separator = ',\n';
    }
    yield '\n],\n"steps":{';
    const columns = STEP_COLUMNS.map((): (number | null)[] => []);
    for (const { step } of stepRows(run)) for (const [i, [, of]] of STEP_COLUMNS.entries()) columns[i]?.push(of(step));
    for (const [i, [name]] of STEP_COLUMNS.entries())
      yield `${i === 0 ? '\n' : ',\n'}${harmlessJson(name)}:${JSON.stringify(columns[i])}`;
    yield '\n}}\n';
  },
};
