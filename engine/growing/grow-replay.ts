// GrowReplay: a run's events as the question "when would this policy have grown it?", and the answer beside what the
// run did. Pure, from events and configuration alone. The policy follows its own decisions, on the losses of the run as
// it was.
import type { TrainConfig } from '../core/config.js';
import { DataError, UsageError } from '../core/errors.js';
import type { RunEvent } from '../events/events.js';
import { effectiveSteps, type Events } from '../events/steps-that-count.js';
import { eventsOf } from '../events/summary.js';
import { growPolicyOf } from '../growth/policies.js';

type Decided = Extract<RunEvent, { type: 'grow.decided' }>;

export interface ReplayedGrowth {
  readonly step: number;
  readonly fromLayers: number;
  readonly toLayers: number;
  readonly reason: string;
}

export interface GrowReplay {
  readonly policy: string;
  /** True where it is the policy of the run. */
  readonly isOwn: boolean;
  readonly numLayers: number;
  /** Every decision at the end of an interval; of a schedule only those that change something. */
  readonly decisions: readonly ReplayedGrowth[];
  /** What the run did, by step: the last word on each. */
  readonly run: readonly Decided[];
}

/**
 * `grow` is `auto` or a schedule. Throws a DataError (PT_NO_SIGNALS) where the run does not grow, and a UsageError
 * (PT_GROW) for a schedule that cannot be read.
 */
export function replayGrowth(events: Events, config: TrainConfig, grow: string): GrowReplay {
  if (grow === 'none') throw new UsageError('PT_GROW', 'none never grows', 'Name auto or STEP:LAYERS pairs.');
  const started = eventsOf(events, 'run.started').at(-1);
  if (started?.growth === undefined)
    throw new DataError(
      'PT_NO_SIGNALS',
      'the run does not grow: nobody knows what a smaller model would have learnt',
      'Replay a run that was trained with --grow.',
    );
  const { sizes, interval } = started.growth;
  const policy = growPolicyOf(grow);
  const decisions: ReplayedGrowth[] = [];
  let [layers, losses, sum, steps] = [sizes[0] ?? 0, [] as number[], 0, 0];
  for (const { step, loss } of effectiveSteps(events)) {
    const done = step + 1;
    [sum, steps] = [sum + loss, steps + 1];
    if (done % interval === 0) [losses, sum, steps] = [[...losses, sum / steps], 0, 0];
    // At the end of the run nobody asks.
    if (layers === sizes.at(-1) || done === started.stepsPlanned) break;
    if (!policy.everyStep && done % interval !== 0) continue;
    const answer = policy.decide({ step: done, totalSteps: started.stepsPlanned, sizes, layers, interval, losses });
    if (!policy.everyStep || answer.layers !== layers)
      decisions.push({ step: done, fromLayers: layers, toLayers: answer.layers, reason: answer.reason });
    if (answer.layers !== layers) [layers, losses, sum, steps] = [answer.layers, [], 0, 0];
  }
  const run = new Map(eventsOf(events, 'grow.decided').map((event) => [event.step, event]));
  return {
    policy: policy.name,
    isOwn: grow === config.grow,
    numLayers: sizes.at(-1) ?? 0,
    decisions,
    run: [...run.values()].sort((a, b) => a.step - b.step),
  };
}
