// The lines of a trace as its file holds them, one after the other. Each is checked: a run folder may come from
// elsewhere. What is no line of a trace (a write that was cut) is left out. It writes nothing.
import { existsSync } from 'node:fs';
import { readLines, sizeOf } from '../events/line-reader.js';
import { type TracedPlan, type TracedStep, traceLineSchema } from './trace-line.js';

/** No line that is written is as long. */
const MAX_LINE_BYTES = 2 ** 26;

/** A traced step, and the plan under which it ran. */
export interface StepOfPlan {
  readonly plan: TracedPlan;
  readonly step: TracedStep;
}

/** The traced steps in the order in which they ran; none where there is no file. Throws what the file system throws. */
export function* readTrace(path: string): Generator<StepOfPlan> {
  if (!existsSync(path)) return;
  let plan: TracedPlan | null = null;
  for (const { content } of readLines(path, sizeOf(path), MAX_LINE_BYTES)) {
    const line = content === null ? null : lineOf(content.toString('utf8'));
    if (line?.type === 'plan') plan = line;
    // The line of its plan may be the one that was cut.
    if (line?.type === 'step' && plan !== null && isOf(line, plan)) yield { plan, step: line };
  }
}

function lineOf(text: string): TracedPlan | TracedStep | null {
  try {
    return traceLineSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Whether the step has the times of every action of the plan. */
function isOf({ generation, spans }: TracedStep, { generation: planned, seats }: TracedPlan): boolean {
  if (generation !== planned) return false;
  const names = Object.keys(spans);
  return (
    names.length === Object.keys(seats).length &&
    names.every((worker) => spans[worker]?.length === 2 * (seats[worker]?.actions.split(' ').length ?? NaN))
  );
}
