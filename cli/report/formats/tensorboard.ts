// TensorBoard: the curves of a run as an event file that TensorBoard shows.
import type { RecordedRun, ReportFormat } from './format.js';
import { STEP_COLUMNS, stepRows } from './step-rows.js';
import { headingRecord, scalarRecord } from './tensorboard-record.js';

/** Columns that are no curve of their own: TensorBoard has the step and the time of every value. */
const NO_CURVE: ReadonlySet<string> = new Set(['step', 'time', 'samples', 'seconds']);
const CURVES = STEP_COLUMNS.filter(([name]) => !NO_CURVE.has(name));

export const tensorboard: ReportFormat = {
  name: 'tensorboard',
  summary: 'an event file with a curve for every figure',
  file: ({ beganAt }) => `tensorboard/events.out.tfevents.${Math.floor(beganAt)}.pipetrain`,
  *write(run) {
    yield headingRecord(run.beganAt);
    for (const { step, evaluation } of stepRows(run)) {
      yield scalarRecord(
        run.beganAt + step.time,
        step.step,
        finite(CURVES.map(([name, of]) => [`train/${name}`, of(step)])),
      );
      if (evaluation !== null) yield evaluated(run, evaluation);
    }
  },
};

function evaluated({ beganAt }: RecordedRun, { step, time, loss, metric, metricName }: Evaluation): Buffer {
  const curves: [string, number][] = [['validation/loss', loss]];
  if (metricName !== 'loss') curves.push([`validation/${metricName}`, metric]);
  return scalarRecord(beganAt + time, step, finite(curves));
}

type Evaluation = RecordedRun['evaluations'][number];

const finite = (curves: readonly (readonly [string, number | null])[]): Record<string, number> =>
  Object.fromEntries(curves.filter((one): one is [string, number] => one[1] !== null && Number.isFinite(one[1])));
