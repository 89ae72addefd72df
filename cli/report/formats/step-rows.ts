// StepRows: the steps of a run that count as rows of figures, one column each. It writes no text.
import { effectiveSteps } from '../../../engine/events/steps-that-count.js';
import type { EventOf } from '../../../engine/events/summary.js';
import type { RecordedRun } from './format.js';

type Step = EventOf<'step'>;

/** The columns in order; null where a step does not say it. Shares are 0 to 1, `time` is seconds since the start. */
export const STEP_COLUMNS: readonly (readonly [name: string, of: (step: Step) => number | null])[] = [
  ['step', ({ step }) => step],
  ['epoch', ({ epoch }) => epoch],
  ['time', ({ time }) => time],
  ['loss', ({ loss }) => loss],
  ['learning_rate', ({ lr }) => lr],
  ['gradient_norm', ({ gradNorm }) => gradNorm],
  ['samples', ({ samples }) => samples],
  ['seconds', ({ seconds }) => seconds],
  ['samples_per_second', ({ samples, seconds }) => (seconds > 0 ? samples / seconds : null)],
  ['pipeline_length', ({ K }) => K],
  ['replicas', ({ R }) => R],
  ['frozen_blocks', ({ frozen }) => frozen],
  ['cache_hits', ({ cacheHits }) => cacheHits],
  ['cache_misses', ({ cacheMisses }) => cacheMisses],
  ['bubble', ({ bubbleShare }) => bubbleShare],
  ['communication', ({ commShare }) => commShare],
  ['pipeline_bubble', ({ pipelineBubble }) => pipelineBubble ?? null],
];

/** Every step that counts, and the validation after it, where there was one. */
export function* stepRows({
  events,
  evaluations,
}: RecordedRun): Generator<{ readonly step: Step; readonly evaluation: EventOf<'evaluation'> | null }> {
  const after = new Map(evaluations.map((evaluation) => [evaluation.step, evaluation]));
  // A validation counts the steps that are done, a step is numbered from 0.
  for (const step of effectiveSteps(events)) yield { step, evaluation: after.get(step.step + 1) ?? null };
}
